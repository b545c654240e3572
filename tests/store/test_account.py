"""What accounting finds in a database, however long ago it was said."""

from pathlib import Path

import pytest
from sqlalchemy import text

from monitor.accounting import TEXT_NAME, Accounting, AccountingError
from monitor.ledger.entry import ConfigurationInForce
from monitor.store.account import terms_in_force
from tests.store.building import START_US, anchored, append, begin, digest, ledger_at

MONTH = 210_000
"""More entries than two days have, at one a second."""
MANY = text(
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count) "
    'INSERT INTO entry ("index", bytes) SELECT :first + i, :bytes FROM n'
)


def _configuration(accounting: Accounting) -> tuple[bytes, dict[bytes, bytes]]:
    terms = accounting.to_bytes()
    texts = {TEXT_NAME: digest(terms)}
    entry = ConfigurationInForce(at_us=START_US, texts=texts, program="0.1.0")
    return entry.to_bytes(), {digest(terms): terms}


def test_terms_are_found_however_long_they_are_in_force(tmp_path: Path) -> None:
    """The newest configuration counts, and an agent that runs for weeks puts none in force."""
    url = f"sqlite:///{tmp_path}/l.db"
    older, newer = (
        Accounting(timezone="UTC", targets={}),
        Accounting(timezone="Asia/Jakarta", targets={}),
    )
    with ledger_at(url, tmp_path / "mark") as ledger:
        begin(ledger)
        with ledger.engine.connect() as connection, pytest.raises(AccountingError):
            terms_in_force(connection, ledger.size)
        for one in (older, newer):
            entry, records = _configuration(one)
            append(ledger, entry, records=records)
        end = ledger.size + MONTH
        with ledger.engine.connect() as connection:
            connection.execute(MANY, {"first": ledger.size, "count": MONTH, "bytes": anchored()})
            assert terms_in_force(connection, end) == newer
            assert terms_in_force(connection, ledger.size - 1) == older
            with pytest.raises(AccountingError, match="terms-never"):
                terms_in_force(connection, 1)

"""The sites, links and hotspots of Kota Kupang, with documentation addresses (RFC 5737). Pure."""

from collections.abc import Iterator, Mapping

KELURAHAN: Mapping[str, tuple[str, ...]] = {
    "Alak": (
        "Namosain", "Nunbaun Sabu", "Nunbaun Delha", "Nunhila", "Fatufeto", "Manutapen",
        "Mantasi", "Alak", "Batu Plat", "Manulai II", "Naioni", "Penkase Oeleta",
    ),
    "Maulafa": (
        "Oepura", "Maulafa", "Penfui", "Naimata", "Bello", "Fatukoa", "Kolhua", "Sikumana",
        "Naikolan",
    ),
    "Kelapa Lima": ("Kelapa Lima", "Oesapa", "Lasiana", "Oesapa Barat", "Oesapa Selatan"),
    "Oebobo": (
        "Oebobo", "Oetete", "Oebufu", "Liliba", "Fatululi", "Kayu Putih", "Tuak Daun Merah",
    ),
    "Kota Raja": (
        "Bakunase", "Bakunase Dua", "Airnona", "Naikoten Satu", "Naikoten Dua", "Kuanino",
        "Nunleu", "Fontein",
    ),
    "Kota Lama": (
        "Airmata", "Lai Lai Bisi Kopan", "Bonipoi", "Solor", "Tode Kisar", "Merdeka", "Oeba",
        "Fatubesi", "Pasir Panjang", "Nefonaek",
    ),
}  # fmt: skip
"""The 51 kelurahan by kecamatan (6)."""

HOTSPOTS: Mapping[str, str] = {
    "Patung Tirosa": "",
    "Pantai Warna": "",
    "Taman Fontein": "",
    "Pusat Kuliner Kampung Solor": "",
    "Pantai Ketapang Satu": "",
    "Podium Kantor Walikota": "",
    "RSUD S.K. Lerik": "",
    "Lampu Hias Kelapa Lima": "",
    "Taman Nostalgia": "",
    "Perumnas": "kel-nefonaek",
}
"""The 10 public hotspots; the site where one stands in an office's grounds, else its own."""

SSID = "KUPANG SMART CITY"


def slug(name: str) -> str:
    """A name as a key: "Manulai II" → manulai-ii."""
    kept = "".join(letter if letter.isalnum() else " " for letter in name.replace(".", ""))
    return "-".join(kept.lower().split())


def offices() -> Iterator[tuple[str, str, str]]:
    """Key, name and kecamatan of every kecamatan's and kelurahan's office."""
    for kecamatan in KELURAHAN:
        yield f"kec-{slug(kecamatan)}", f"Kantor Camat {kecamatan}", kecamatan
    for kecamatan, villages in KELURAHAN.items():
        for village in villages:
            yield f"kel-{slug(village)}", f"Kantor Lurah {village}", kecamatan


def inventory() -> dict[str, str]:
    """The inventory files by name."""
    return {"sites.yaml": _sites(), "links.yaml": _links(), "hotspots.yaml": _hotspots()}


def _sites() -> str:
    lines = [
        "# Sites: a site is up when any of its links is.",
        "# Lokasi: sebuah lokasi tersedia bila salah satu tautannya tersedia.",
        "# `parents` must be up for a site to be reachable. `aliases` keeps other spellings.",
        "sites:",
        "  core: {name: Pusat Data Diskominfo, kecamatan: Kelapa Lima}",
    ]
    lines += [
        f"  {key}: {{name: {name}, kecamatan: {kecamatan}, parents: [core]}}"
        for key, name, kecamatan in offices()
    ]
    return "\n".join(lines) + "\n"


def _links() -> str:
    lines = [
        "# Links: one line to a site. Every address here is an example (RFC 5737): put in yours,",
        "# set provider, medium (metro, 4g, radio, …) and fee, and only then enabled: true.",
        "# Tautan: semua alamat di sini hanya contoh; ganti dahulu, baru tulis enabled: true.",
        "links:",
        "  core-1: {site: core, role: primary, address: 192.0.2.1, provider: provider-a,"
        " enabled: false}",
        "  core-2: {site: core, role: backup, address: 198.51.100.1, provider: provider-b,"
        " enabled: false}",
    ]
    for number, (key, _, _) in enumerate(offices(), start=2):
        lines.append(
            f"  {key}-1: {{site: {key}, role: primary, address: 192.0.2.{number},"
            " provider: provider-a, enabled: false}"
        )
    return "\n".join(lines) + "\n"


def _hotspots() -> str:
    lines = [
        "# Public hotspots. `site` may be the hotspot's own name: a square has nothing else in it.",
        "# Hotspot umum. `bssids` lists the known access points; others are rogue (titik akses",
        "# liar). The gateways are examples (contoh).",
        "hotspots:",
    ]
    for number, (name, site) in enumerate(HOTSPOTS.items(), start=1):
        key = slug(name)
        lines += [
            f"  {key}:",
            f"    name: {name}",
            f"    site: {site or key}",
            f"    ssid: {SSID}",
            f"    gateway: 203.0.113.{number}",
            "    enabled: false",
        ]
    return "\n".join(lines) + "\n"

"""The commented files that `sasando init` writes beside the inventory."""

AGENT = """\
# agent.yaml: who looks, from where, and what it may look at.
# agent.yaml: siapa yang memeriksa, dari mana, dan apa yang boleh diperiksa.

# The log's name for ever; it names the signing key. Changing it means a new log and a new key.
# Nama log untuk selamanya; ikut menamai kunci tanda tangan.
origin: @ORIGIN@

# Where this agent looks from. / Dari mana agen ini memeriksa.
vantage: diskominfo

# Language of messages (id, en); the zone that cuts the days and months of the SLA.
language: id
timezone: Asia/Makassar

# Where the database and the control socket lie. The high-water mark (the latest signed
# checkpoint) is kept apart from the database, so that a restored old copy is found out.
@PLACES@

# sqlite in the state directory unless another is named, such as
# store: {secret: "credential:store-url"}     # postgresql+psycopg://…

# The log's signing key, made by `sasando init`, encrypted with the passphrase.
# Better on a server: let systemd hold it, encrypted to the machine:
#   key: {private: {secret: "credential:log-key"}}
key:
  private: {secret: "file:secrets/log.key"}
  passphrase: {secret: "file:secrets/log.passphrase"}

# How long observations are kept. / Berapa lama pengamatan disimpan.
retention: 730d

# Only these networks are ever probed, by whose authority and until when. Probes of anything
# else are refused before a packet is sent.
# Hanya jaringan ini yang boleh diperiksa: atas wewenang siapa, nomor surat, sampai kapan.
# scope:
#   - network: 192.0.2.0/24
#     authorised_by: Kepala Dinas Kominfo
#     letter: 555/001/DKI/2026
#     until: 2027-12-31
scope: []

# Name servers and time servers of the agent; literal addresses count as scope.
# resolvers: [192.0.2.53]
# ntp: [192.0.2.123]

# Addresses that show whether the agent itself can see: the first router, a provider's router.
# When every canary is silent the agent accuses nobody.
# Kenari: bila semuanya diam, yang terganggu adalah agen sendiri.
# canaries:
#   gateway: {address: 192.0.2.254}

# Who stamps the log once a day with a time that is not ours (RFC 3161), and what the agent does
# by the calendar: the report of each month, pruning of what is old and reported.
# Stempel waktu dari luar sekali sehari, laporan bulanan, dan pemangkasan menurut kalender.
# time_stamps:
#   - {name: tsa, url: "https://tsa.example/tsr", root: trust/tsa.pem, at: 03:00}
# calendar:
#   reports: {folder: /var/lib/sasando/reports, day: 1, at: 02:00}
#   pruning: {archive: /var/lib/sasando/archive, day: 2, at: 04:00}

# Settings by check for every target; a target's own `checks:` win.
defaults:
  icmp: {interval: 60s, count: 5}
  http: {interval: 60s}
  tls: {interval: 1h}

# Bundled policies to judge by. Three more wait for checks that you ask for: `paths` judges path
# (under a link) and egress (under checks: here), `gateway-redundancy` judges vrrp, hsrp and
# neighbour, which need sasando-packets.service, `page-integrity` judges page (under a service).
# Stricter books for tls wait for your decision: `rfc9325`, `mozilla-intermediate-6.0`,
# `mozilla-intermediate-5.8`, `mozilla-modern-6.0`, `mozilla-modern-5.8`, `tls-post-quantum`.
# Kebijakan bawaan yang dipakai menilai. Tiga lagi menunggu pemeriksaan yang Anda minta: `paths`
# menilai path (pada tautan) dan egress (di bawah checks: di sini), `gateway-redundancy` menilai
# vrrp, hsrp, dan neighbour, yang memerlukan sasando-packets.service, `page-integrity` menilai
# page (pada layanan). Pedoman tls yang lebih ketat menunggu keputusan Anda: yang
# tersebut di atas, `rfc9325` sampai `tls-post-quantum`.
# `iso27001-2022` and `bssn-4-2021` judge nothing: reports give a verdict of each of their controls.
# `iso27001-2022` dan `bssn-4-2021` tidak menilai: laporan memberi putusan tiap kendalinya.
packs:
  - availability
  - delay-and-loss
  - redundancy
  - tls-baseline
  - web-posture
  - agent-health
  - iso27001-2022
  - bssn-4-2021
"""

SERVICES = """\
# Services: an https URL is looked at by http, tls and web, tcp://host:port by tcp; `dns` is a name
# that must resolve, `login` the login page. / Layanan: URL https diperiksa dengan http, tls, dan
# web; `login` adalah halaman masuk.
services:
  website:
    name: Situs Pemerintah Kota Kupang
    site: core
    url: https://www.example/
    dns: www.example
    login: /login
    labels: [public]
    enabled: false
"""

ALERTS = """\
# Routes: whom to tell, through Apprise. Both are disabled: put the URL into the file of the
# secret (chmod 600), set enabled: true, and try it with `sasando alert test`.
# Rute peringatan: isi URL ke dalam berkas rahasia, lalu tulis enabled: true.
routes:
  telegram:
    description: Grup Telegram petugas jaringan
    url: {secret: "file:secrets/telegram-url"}    # tgram://BOT_TOKEN/CHAT_ID
    enabled: false
    lang: id
    severity: critical
  email:
    description: Kotak surat Diskominfo
    url: {secret: "file:secrets/email-url"}       # mailtos://USER:PASSWORD@mail.example?to=noc@example
    enabled: false
    lang: id
    severity: warning
    digest: daily 07:30                           # what the last day brought / ringkasan harian
"""

POLICY = """\
# A policy of your own, beside the bundled ones: rules judge one observation, objectives a month.
# The expressions are CEL; `sasando policy test` runs the cases beside the rules.
# Kebijakan sendiri: aturan menilai satu pengamatan, sasaran menilai satu bulan.
policy: kupang
version: 1
title: {en: Agreements of Kota Kupang, id: Kesepakatan Kota Kupang}
rules:
  - id: website-in-time
    title: {en: The website is there within 3 s, id: Situs tampil dalam 3 detik}
    check: http
    applies_to: '"public" in target.labels'
    require: evidence.total_ms <= 3000.0
    severity: warning
    tests:
      - {evidence: {total_ms: 800}, verdict: compliant}
      - {evidence: {total_ms: 4000}, verdict: violated}
objectives:
  - id: contract-availability
    title: {en: Availability by contract, id: Ketersediaan menurut kontrak}
    applies_to: target.kind == "link" && target.role == "primary"
    indicator: availability
    measured_by: [icmp-available]
    target: 99.5%
    window: {calendar: month, timezone: Asia/Makassar}
"""

README = """\
This directory is the configuration of sasando. Try: sasando config check -c .

agent.yaml    who looks, and what it may look at (scope)
inventory/    sites, links, hotspots, services
policies/     what is judged
alerts.yaml   who is told
trust/        the verifier key of the log: what `sasando verify` trusts; publish it
secrets/      files that {secret: "file:secrets/NAME"} names; mode 600, in no backup of others

On a server, give the secrets to the service as systemd credentials instead:
  systemd-creds encrypt --name=log-key secrets/log.key /etc/credstore.encrypted/log-key
  (likewise log-passphrase), then in agent.yaml
  key: {private: {secret: "credential:log-key"}, passphrase: {secret: "credential:log-passphrase"}}
and remove the two files from secrets/.

Direktori ini berisi konfigurasi sasando. Semua target dinonaktifkan dan beralamat contoh.
"""

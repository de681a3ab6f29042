"""Lines of pg_hba: those at the edge of what is accepted, those that are refused, and a maker of many others."""

from __future__ import annotations

import random
from collections.abc import Iterator

# In an order in which each has an effect: the first that fits decides.
ACCEPTED = (
    'hostssl app,shop "two words" 10.1.0.0 255.255.0.0 scram-sha-256 clientcert=verify-full clientname=DN',
    "hostssl all,app all fd00:1::/33 scram-sha-256\t# the office",
    "  hostssl sameuser all samenet scram-sha-256",
    'hostssl "all" "replication" samehost scram-sha-256',
    'hostssl "größe" müller all scram-sha-256',
    "hostssl app +staff .example.net scram-sha-256",
    "hostssl app admin db-1.example.net cert map=people",
    'hostssl app admin 10.2.0.0/16 gss include_realm=0 krb_realm=EXAMPLE.NET map="my map"',
    'hostssl app admin 10.3.0.0/16 ldap ldapserver=ldap.example.net ldapprefix="cn=" ldapsuffix=", dc=example"',
    'hostssl app admin 10.4.0.0/16 ldap ldapurl="ldaps://ldap.example.net:636/dc=example,dc=net?uid?sub"',
    'hostssl "/^app[0-9]+$" all 10.5.0.0/16 scram-sha-256',
    'hostssl a"b""c" all 10.6.0.0/16 scram-sha-256 # quote: "',
    "local replication backup scram-sha-256",
    "hostssl all all 10.0.0.1/8 scram-sha-256",
    "hostgssenc all all all reject",
    "host all all all reject",
)

# A line, and a word of the reason.
REFUSED = (
    ("hostssl all all 10.0.0.0/8 scram-sha-256\nhost all all 0.0.0.0/0 trust", "\\n"),
    ("hostssl all all 10.0.0.0/8 scram-sha-256\rhost all all all trust", "\\r"),
    ("hostssl all all 10.0.0.0/8 scram-sha-256\x00", "\\x00"),
    ("hostssl all all 10.0.0.0/8 scram-sha-256\u2028", "\\u2028"),
    ("hostssl all \udcff 10.0.0.0/8 scram-sha-256", "\\udcff"),
    ("hostssl all all 10.0.0.0/8 scram-sha-256 \\", "backslash"),
    ("hostssl all all 10.0.0.0/99 scram-sha-256", "0 to 32"),
    ("hostssl all all fd00::/129 scram-sha-256", "0 to 128"),
    ("hostssl all all 10.0.0.0/ scram-sha-256", "0 to 32"),
    ("hostssl all all 10.0.0.0/+8 scram-sha-256", "0 to 32"),
    ("hostssl all all 10.0.0.300/8 scram-sha-256", "neither one nor the name"),
    ("hostssl all all 10.1/16 scram-sha-256", "neither one nor the name"),
    ("hostssl all all 0x7f000001 scram-sha-256", "neither one nor the name"),
    ("hostssl all all 10.0.0.0 scram-sha-256", "without a mask"),
    ("hostssl all all fd00::1 scram-sha-256", "without a mask"),
    ("hostssl all all 10.0.0.0 0.0.0.255 scram-sha-256", "no mask"),
    ("hostssl all all 10.0.0.0 ffff:: scram-sha-256", "no mask"),
    ("hostssl all all fe80::1%eth0/64 scram-sha-256", "interface"),
    ("hostssl all all a,b scram-sha-256", "2 words"),
    ('hostssl all all "all" scram-sha-256', "quotes"),
    ("hostssl all all example.net/8 scram-sha-256", "neither one nor the name"),
    ("hostssl all all 10.0.0.0/8 scram-sha-256 foo=bar", "foo"),
    ("hostssl all all 10.0.0.0/8 scram-sha-256 foo", "name=value"),
    ("hostssl all all 10.0.0.0/8 scram-sha-256 map=x", "does not go with"),
    ("hostssl all all 10.0.0.0/8 scram-sha-256 clientcert=1", "does not take"),
    ("hostssl all all 10.0.0.0/8 scram-sha-256 clientname=CN clientname=DN", "twice"),
    ("hostssl all all 10.0.0.0/8 cert clientcert=verify-ca", "verify-full"),
    ("hostssl all all 10.0.0.0/8 ldap", "ldapserver or ldapurl"),
    ("hostssl all all 10.0.0.0/8 ldap ldapserver=x", "ldapbasedn"),
    ("hostssl all all 10.0.0.0/8 ldap ldapserver=x ldapprefix=a ldapbasedn=b", "direct bind or a search"),
    ("hostssl all all 10.0.0.0/8 ldap ldapserver=x ldapprefix=a ldaptls=yes", "does not take"),
    ("hostssl all all 10.0.0.0/8 ldap ldapserver=x ldapprefix=a ldapport=0", "does not take"),
    ("hostssl all all 10.0.0.0/8 ldap ldapurl=http://x/y", "does not take"),
    ('hostssl "all all 10.0.0.0/8 scram-sha-256', "never closed"),
    ('hostssl all all 10.0.0.0/8 "scram-sha-256', "never closed"),
    ("hostssl all, all, 10.0.0.0/8, scram-sha-256,", "comma"),
    ("hostssl all all 10.0.0.0/8", "too short"),
    ("hostssl all all", "too short"),
    ("hostssl", "too short"),
    ("# a remark", "no pg_hba line"),
    ("HOSTSSL all all all scram-sha-256", "no pg_hba line"),
    ("hostssl all all 10.0.0.0/8 SCRAM-SHA-256", "has the method"),
    ("hostssl all all 10.0.0.0/8 trust", "has the method trust"),
    ("hostssl all all 10.0.0.0/8 pam", "has the method pam"),
    ("hostssl all all 10.0.0.0/8 radius radiusservers=x radiussecrets=y", "has the method radius"),
    ("hostssl all all 10.0.0.0/8 oauth issuer=x scope=y", "has the method oauth"),
    ("hostssl all all 10.0.0.0/8 peer", "has the method peer"),
    ("local all all cert", "has the method cert"),
    ("host all all 10.0.0.0/8 scram-sha-256", "without TLS"),
    ("hostgssenc all all 10.0.0.0/8 gss", "without TLS"),
    ("hostnogssenc all all 10.0.0.0/8 scram-sha-256", "without TLS"),
    ("include /etc/passwd", "includes a file"),
    ("include_dir conf.d", "includes a file"),
    ("hostssl @databases all 10.0.0.0/8 scram-sha-256", "in a file"),
    ("hostssl all @roles 10.0.0.0/8 scram-sha-256", "in a file"),
    ('hostssl "" all 10.0.0.0/8 scram-sha-256', "without a name"),
    ("hostssl all + 10.0.0.0/8 scram-sha-256", "without a name"),
    (f"hostssl {'d' * 64} all 10.0.0.0/8 scram-sha-256", "no name has more"),
    (f"hostssl {'ü' * 32} all 10.0.0.0/8 scram-sha-256", "no name has more"),
    (f"hostssl {','.join(['app'] * 1000)},app all all scram-sha-256{' ' * 100}", "the most is"),
    ("hostssl /app( all 10.0.0.0/8 scram-sha-256", "regular expression"),
    ("hostssl /(?i)app all 10.0.0.0/8 scram-sha-256", "regular expression"),
    # Nothing is wrong with these but that another line decides before.
    ("hostssl replication backup 10.0.0.0/8 scram-sha-256", "has no effect"),
    ("hostssl app,replication backup 10.0.0.0/8 scram-sha-256", "has no effect"),
    ("hostssl all postgres 10.0.0.0/8 scram-sha-256", "has no effect"),
    ('hostssl all "postgres" 10.0.0.0/8 scram-sha-256', "has no effect"),
    ("hostssl app app,rewind 10.0.0.0/8 cert", "has no effect"),
    ("local app app peer map=app", "has no effect"),
    ("local all postgres scram-sha-256", "has no effect"),
)

_NAMES = (
    "all",
    "app",
    "app,x",
    '"a b"',
    "/^a[a-z]*$",
    "/a(b|c)+d?",
    '"/x{1,3}"',
    "+g",
    "sameuser",
    "/[^a-c]x",
    "größe",
)
_WHERE = (
    "all",
    "samenet",
    "10.0.0.0/8",
    "10.0.0.0 255.0.0.0",
    "fd00::/7",
    "h.x",
    ".x.org",
    "10.0.0.0",
    "fd00:: ffff::",
)
_METHODS = ("scram-sha-256", "cert", "ldap", "gss", "reject", "peer", "trust")
_OPTIONS = (
    *("clientcert=verify-full", "clientname=DN", "map=m", 'map="m n"', "include_realm=0", "krb_realm=R", "ldaptls=1"),
    *('ldapserver="a b"', "ldapurl=ldap://h/dc=x", 'ldapurl="ldaps://h:636/dc=x,dc=y?uid?sub"', 'ldapprefix="cn="'),
    *('ldapsuffix=", dc=x"', 'ldapbasedn="dc=x"', "ldapsearchattribute=uid", "ldapport=389", "ldapscheme=ldaps"),
)


def many_lines(seed: int) -> Iterator[str]:
    """Lines that are nearly right, without end, the same ones for the same seed."""
    of = random.Random(seed)
    while True:
        words = [of.choice(("hostssl", "hostssl", "hostssl", "local", "host")), of.choice(_NAMES), of.choice(_NAMES)]
        words += [] if words[0] == "local" else [of.choice(_WHERE)]
        words += [of.choice(_METHODS), *of.choices(_OPTIONS, k=of.choice((0, 0, 1, 2)))]
        line = " ".join(words)
        for _ in range(of.choice((0, 0, 1, 2))):
            place = of.randrange(len(line))
            line = line[:place] + of.choice('",#=/\\+@ .0a(*?{}|^$[]~:;%!-_') + line[place + of.choice((0, 1)) :]
        yield line

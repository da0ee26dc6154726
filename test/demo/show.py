#!/usr/bin/env python3
"""Print parts of the demo for a terminal.

    show.py answer                  a finished job, JSON on stdin
    show.py wire PORT               what the model server received last,
                                    next to the rows, JSON lines on stdin
Only the standard library is used.
"""
import json
import os
import re
import sys
import textwrap
import urllib.request

WIDTH = min(int(os.environ.get("COLUMNS") or 100), 110)
COLOR = os.environ.get("DEMO_COLOR") == "1"


def paint(code, text):
    return "\033[%sm%s\033[0m" % (code, text) if COLOR else text


def wrapped(text, mark="     ", paint_with=None):
    lines = textwrap.wrap(text, WIDTH - 5, break_on_hyphens=False) or [""]
    for i, line in enumerate(lines):
        print((mark if i == 0 else "     ") +
              (paint_with(line) if paint_with else line))


def short(text, n):
    text = " ".join(text.split())
    return text if len(text) <= n else text[:n - 3].rstrip() + "..."


def answer():
    job = json.load(sys.stdin)
    if job["status"] != "succeeded":
        sys.exit("     job %s: %s, %s" % (job["id"], job["status"],
                                          job.get("error_message")))
    wrapped(job["answer"], paint("1", "  A  "))
    for c in job["citations"] or []:
        place = c.get("place") or ""
        print("     " + paint("2", "[%s] %s%s" % (
            c["n"], short(c["title"] or "", WIDTH - 16 - len(place)),
            "  (%s)" % place if place else "")))
    print("     " + paint("2", "job %s, %s ms, %s%s" % (
        job["id"], job["ms"], job["model"],
        "" if job["grounded"] is None
        else ", %d %% of the sentences cited" % round(100 * job["grounded"]))))


PERSONAL = (
    ("e-mail", re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")),
    ("phone", re.compile(r"\+\d[\d ]{7,}\d")),
    ("card", re.compile(r"\b(?:\d{4} ){3}\d{4}\b|\b\d{4} \d{6} \d{5}\b")),
    ("IBAN", re.compile(r"\b[A-Z]{2}\d{2}(?: [A-Z0-9]{4}){3,}(?: \d{1,4})?")),
)


def personal(text):
    return [m.group(0) for _, r in PERSONAL for m in r.finditer(text)]


def marked(line):
    line = re.sub(r"<[A-Z_]+(?:_\d+)?>", lambda m: paint("1;32", m.group(0)), line)
    for _, r in PERSONAL:
        line = r.sub(lambda m: paint("1;31", m.group(0)), line)
    return line


def wire():
    url = "http://127.0.0.1:%s/_record" % sys.argv[2]
    raw = urllib.request.urlopen(url + "?raw=1").read().decode("utf-8", "replace")
    record = json.load(urllib.request.urlopen(url))
    received = record[-1]
    body = received["json"]
    prompt = body["messages"][-1]["content"]
    sources = re.findall(r"^<<<\w+ \[\d+\] (.*?)>>>\n(.*?)\n<<<\w+ end>>>$",
                         prompt, re.S | re.M)
    rows = [json.loads(line) for line in sys.stdin if line.strip()]
    shown = 0
    for title, text in sources:
        row = next((r for r in rows if r["subject"] == title), None)
        if row is None or not personal(row["body"]) or shown == 2:
            continue
        shown += 1
        wrapped("%s: %s" % (row["subject"], " ".join(row["body"].split())),
                paint("1", " row "), marked)
        wrapped("%s: %s" % (title, " ".join(text.split())),
                paint("1", "wire "), marked)
    secrets = sorted({s for r in rows for s in personal(r["body"])})
    given = [r for r in rows if any(r["subject"] == t for t, _ in sources)]
    mine = sorted({s for r in given for s in personal(r["body"])})
    leaked = [s for s in secrets if s in raw or s.replace(" ", "") in raw]
    print("     " + paint("2", "POST %s, %d bytes, %d tickets, which hold %d e-mail addresses, "
                          "numbers and accounts" % (received["path"], len(received["body"].encode()),
                                                    len(sources), len(mine))))
    print("     found in all %d bytes that the server ever received: %s" % (
        len(raw.encode()), paint("1;32" if not leaked else "1;31",
                                 "%d of %d" % (len(leaked), len(secrets)))))
    if leaked or not shown or not mine:
        sys.exit("     the demo expected redacted tickets")


if __name__ == "__main__":
    {"answer": answer, "wire": wire}[sys.argv[1]]()

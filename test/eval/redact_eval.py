#!/usr/bin/env python3
"""Accuracy of the scanner on labelled texts: redact_eval.py TOOL DATA [-v]

DATA is a JSON array of {full_text, masked, spans} as presidio-research makes
them, or a text file marked like redact_texts.txt, which is given by kind. A found span counts when it has the same type as a labelled one and
their intersection over union is at least 0.9. Results are given for the two
halves of the templates, of which the first was looked at while tuning.

Quirks of that data, and what is done about them:
- postcodes are labelled as addresses, where they are: they are LOCATION;
  ages are not labelled, and not counted;
- dates of birth are DATE_TIME, websites are DOMAIN_NAME: types are mapped;
- an address is one span in some templates, and street, town, country and
  postcode in others, which look the same: addresses and places are one type,
  as they are for Presidio, and neighbours are joined on both sides;
- "Dr." and job titles (PREFIX, TITLE) are not looked for, and not counted;
- driver's licences: any of the rules for them counts.
"""
import collections
import json
import re
import subprocess
import sys
import zlib

TYPES = {
    "DOMAIN_NAME": "URL", "DATE_OF_BIRTH": "DATE_TIME", "ADDRESS": "LOCATION",
    "STREET_ADDRESS": "LOCATION", "GPE": "LOCATION", "DRIVER_LICENSE": "US_DRIVER_LICENSE", "URL_CREDENTIALS": "URL",
}
IGNORED = {"PREFIX", "TITLE", "POSTAL_CODE", "AGE"}
STRUCTURED = ["EMAIL_ADDRESS", "URL", "IBAN_CODE", "US_SSN", "IP_ADDRESS", "CREDIT_CARD",
              "DATE_TIME", "PHONE_NUMBER", "US_DRIVER_LICENSE"]


def scan(tool, texts):
    data = b"".join(b"%d\n%s" % (len(t.encode()), t.encode()) for t in texts)
    out = subprocess.run([tool, "strict"], input=data, stdout=subprocess.PIPE, check=True)
    result, spans = [], []
    for line in out.stdout.decode().splitlines():
        if line == ".":
            result.append(spans)
            spans = []
        else:
            start, end, entity, _score, rule = line.split(" ", 4)
            spans.append((int(start), int(end), TYPES.get(entity, entity), rule))
    assert len(result) == len(texts)
    return result


def join(text, spans):
    """Join neighbouring places that only blanks and punctuation divide."""
    joined = []
    for span in sorted(spans):
        if joined and joined[-1][2] == span[2] == "LOCATION" and \
                not text[joined[-1][1]:span[0]].strip(" ,\n.>?"):
            joined[-1] = (joined[-1][0], span[1]) + span[2:]
        else:
            joined.append(span)
    return joined


def read_marked(path):
    """Texts with {TYPE|text} marks; masked is the kind."""
    data, kind, lines = [], "", []

    def close():
        marked, text, spans = "\n".join(lines), "", []
        at = 0
        for m in re.finditer(r"\{([A-Z_]+)\|([^}]*)\}", marked):
            text += marked[at:m.start()]
            spans.append({"start_position": len(text), "end_position": len(text) + len(m[2]), "entity_type": m[1]})
            text += m[2]
            at = m.end()
        if lines:
            data.append({"full_text": text + marked[at:], "masked": kind, "spans": spans})
        lines.clear()

    for line in open(path, encoding="utf-8").read().splitlines():
        if line.startswith("## "):
            close()
            kind = line[3:]
        elif not line:
            close()
        elif not line.startswith("# "):
            lines.append(line)
    close()
    return data


def iou(a, b):
    common = min(a[1], b[1]) - max(a[0], b[0])
    return common / (max(a[1], b[1]) - min(a[0], b[0])) if common > 0 else 0


def f_beta(p, r, beta=2):
    return (1 + beta * beta) * p * r / (beta * beta * p + r) if p + r else 0


def main():
    tool, path = sys.argv[1:3]
    verbose = sys.argv[3:] and sys.argv[3]
    marked = path.endswith(".txt")
    data = read_marked(path) if marked else json.load(open(path, encoding="utf-8"))
    found = scan(tool, [d["full_text"] for d in data])
    halves = list(dict.fromkeys(d["masked"] for d in data)) + [2] if marked else [0, 1, 2]
    for half in halves:
        hit, missed, extra = (collections.Counter() for _ in range(3))
        any_tp = any_found = any_labelled = 0
        for d, f in zip(data, found):
            if half != 2 and half != (d["masked"] if marked else zlib.crc32(d["masked"].encode()) % 2):
                continue
            text = d["full_text"]
            labelled = [(s["start_position"], s["end_position"],
                         TYPES.get(s["entity_type"], s["entity_type"])) for s in d["spans"]]
            skipped = [s for s in labelled if s[2] in IGNORED]
            labelled = join(text, [s for s in labelled if s[2] not in IGNORED])
            f = [s if s[2] != "POSTAL_CODE" else s[:2] + ("LOCATION",) + s[3:] for s in f]
            f = join(text, [s for s in f if s[2] not in IGNORED])
            f = [s for s in f if not any(iou(s, o) > 0.5 for o in skipped)]
            free = list(f)
            for s in labelled:
                match = next((o for o in free if o[2] == s[2] and iou(o, s) >= 0.9), None)
                if match:
                    hit[s[2]] += 1
                    free.remove(match)
                else:
                    missed[s[2]] += 1
                    if verbose in ("-v", s[2]) and half in (0, 2):
                        print("missed", s[2], repr(text[s[0]:s[1]]), "in", repr(text[max(0, s[0] - 40):s[1] + 20]))
            for o in free:
                extra[o[2]] += 1
                if verbose in ("-v", o[2]) and half in (0, 2):
                    print("extra", o[2], o[3], repr(text[o[0]:o[1]]), "in", repr(text[max(0, o[0] - 40):o[1] + 20]))
            any_labelled += len(labelled)
            any_found += len(f)
            any_tp += sum(any(iou(o, s) >= 0.9 for o in f) for s in labelled)
        if marked and half != 2:
            p, r = any_tp / max(any_found, 1), any_tp / max(any_labelled, 1)
            print("  %-24s %4d spans  P %.3f  R %.3f  F2 %.3f" % (half, any_labelled, p, r, f_beta(p, r)))
            continue
        print("half %s" % (["A (tuned)", "B (held out)", "both"][half]) if not marked else "all kinds")
        print("  %-20s %6s %6s %6s %6s %6s" % ("type", "spans", "P", "R", "F1", "F2"))
        rows = [(t, [t]) for t in sorted(set(hit) | set(missed) | set(extra))]
        rows.append(("= structured", STRUCTURED))
        for name, types in rows:
            tp, fn, fp = (sum(c[t] for t in types) for c in (hit, missed, extra))
            p, r = tp / (tp + fp) if tp + fp else 0, tp / (tp + fn) if tp + fn else 0
            print("  %-20s %6d %6.3f %6.3f %6.3f %6.3f" % (name, tp + fn, p, r, f_beta(p, r, 1), f_beta(p, r)))
        p, r = any_tp / max(any_found, 1), any_tp / max(any_labelled, 1)
        print("  %-20s %6d %6.3f %6.3f %6.3f %6.3f" % ("= any PII", any_labelled, p, r, f_beta(p, r, 1), f_beta(p, r)))


main()

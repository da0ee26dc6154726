#!/usr/bin/env python3
"""Write the tables of the builtin models.

    builtin_tables.py fold > src/llm/llm_builtin_fold.h
    builtin_tables.py idf DIRECTORY... > src/llm/llm_builtin_idf.h

Every DIRECTORY is a collection of English HTML and counts the same. The table
that is shipped was learned from the manuals of Python, Debian, Git, SQLite and
Apache, and from common_words.txt. What is taken from them are single words
and how many passages hold them.
"""
import collections
import ctypes
import html
import math
import os
import re
import subprocess
import sys
import tempfile
import unicodedata


def base_letter(c):
    """c without case and diacritics, or c where that is not one letter."""
    s = unicodedata.normalize("NFKD", chr(c).lower())
    s = "".join(x for x in s if not unicodedata.combining(x)).lower()
    special = {0xF8: "o", 0x111: "d", 0x142: "l", 0x131: "i", 0xF0: "d",
               0x127: "h", 0x180: "b", 0x1E9E: "\u00df", 0x3C2: "\u03c3"}
    low = ord(chr(c).lower()[0])
    if low in special:
        s = special[low]
    return ord(s) if len(s) == 1 and ord(s) < 0x10000 else low


def fold_tables():
    print("""/*-------------------------------------------------------------------------
 *
 * llm_builtin_fold.h
 *		Letters without case and diacritics, from the Unicode decompositions.
 *
 * Written by test/bench/builtin_tables.py; only llm_builtin_text.c includes it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_LLM_BUILTIN_FOLD_H
#define INTEL_LLM_BUILTIN_FOLD_H

#include <stdint.h>

/* clang-format off */""")
    for name, first, last in (("latin", 0xC0, 0x250),
                              ("greek_cyrillic", 0x370, 0x530),
                              ("additional", 0x1E00, 0x2000)):
        print("\n/* U+%04X to U+%04X */" % (first, last - 1))
        print("static const uint16_t fold_%s[] = {" % name)
        row = []
        for c in range(first, last):
            row.append("0x%04X," % base_letter(c))
            if len(row) == 8:
                print("\t" + " ".join(row))
                row = []
        print("};")
    print("\n/* clang-format on */\n\n#endif /* INTEL_LLM_BUILTIN_FOLD_H */")


def load(library):
    """The scanner of the builtin models, compiled from the sources."""
    here = os.path.dirname(os.path.abspath(__file__))
    top = os.path.join(here, "..", "..")
    sources = [os.path.join(here, "builtin_eval.c")] + [
        os.path.join(top, "src/llm", "llm_builtin_%s.c" % part)
        for part in ("text", "embed")]
    subprocess.check_call(["cc", "-O2", "-shared", "-fPIC", "-I" + top + "/src",
                           "-o", library] + sources + ["-lm"])
    lib = ctypes.CDLL(library)
    lib.eval_stems.restype = ctypes.c_size_t
    lib.eval_stems.argtypes = [ctypes.c_char_p, ctypes.c_size_t,
                               ctypes.c_char_p, ctypes.c_size_t]
    return lib


def passages(directory):
    """The text of a directory of HTML in passages of 1600 letters."""
    for folder, _, names in os.walk(directory):
        for name in sorted(names):
            path = os.path.join(folder, name)
            if not name.endswith(".html") or os.path.islink(path):
                continue
            with open(path, encoding="utf-8", errors="replace") as f:
                text = re.sub(r"(?s)<(script|style).*?</\1>", " ", f.read())
            text = html.unescape(re.sub(r"<[^>]+>", " ", text))
            text = re.sub(r"\s+", " ", text)
            for i in range(0, len(text), 1600):
                if len(text) - i > 200:
                    yield text[i:i + 1600]


def idf_table(directories):
    with tempfile.TemporaryDirectory() as temp:
        lib = load(os.path.join(temp, "scanner.so"))
    buffer = ctypes.create_string_buffer(1 << 16)

    def stems(text):
        b = text.encode("utf-8", "replace")
        n = lib.eval_stems(b, len(b), buffer, len(buffer))
        return ctypes.string_at(buffer, n).decode("utf-8", "replace").split("\n")[:-1]

    # Everyday English: the word of rank r makes up 0.1 / r of a text (Zipf),
    # so a passage of 300 words holds it with this probability.
    general = {}
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                        "common_words.txt")
    with open(path, encoding="utf-8") as f:
        for line in f:
            for word in [] if line.startswith("#") else line.split():
                for stem in stems(word):
                    rank = len(general) + 1
                    general.setdefault(stem, 1 - math.exp(-30 / rank))

    # Documentation: the share of passages that hold the word.
    shares = []
    for directory in directories:
        count = 0
        found = collections.Counter()
        for text in passages(directory):
            found.update(set(stems(text)))
            count += 1
        shares.append({w: n / count for w, n in found.items()})

    # The list of everyday words counts as two collections.
    mean = {}
    for word in set(general).union(*shares):
        if not re.fullmatch(r"[a-z]{1,20}", word):
            continue
        if word not in general and sum(word in s for s in shares) < 3:
            continue
        mean[word] = (2 * general.get(word, 0) +
                      sum(s.get(word, 0) for s in shares)) / (2 + len(shares))
    ranked = sorted(mean.items(), key=lambda x: (-x[1], x[0]))[:4000]
    levels = {}
    for word, share in ranked:
        level = min(63, max(0, round(-8 * math.log(share))))
        levels.setdefault(level, []).append(word)

    print("""/*-------------------------------------------------------------------------
 *
 * llm_builtin_idf.h
 *		Stems of common English words by how rare they are.
 *
 * Line n holds the stems that one of exp(n / 8) passages has. Written by
 * test/bench/builtin_tables.py; only llm_builtin_text.c includes it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_LLM_BUILTIN_IDF_H
#define INTEL_LLM_BUILTIN_IDF_H

#define IDF_LISTED %d /* words */

/* clang-format off */
static const char *const idf_stems[] = {""" % len(ranked))
    for level in range(max(levels) + 1):
        words = levels.get(level, [])
        print("\t/* %d */" % level)
        for i in range(0, max(len(words), 1), 12):
            print('\t"%s%s"%s' % (" ".join(words[i:i + 12]),
                                  " " if i + 12 < len(words) else "",
                                  "" if i + 12 < len(words) else ","))
    print("};\n/* clang-format on */\n\n#endif /* INTEL_LLM_BUILTIN_IDF_H */")


if __name__ == "__main__":
    if sys.argv[1:] == ["fold"]:
        fold_tables()
    elif len(sys.argv) > 2 and sys.argv[1] == "idf":
        idf_table(sys.argv[2:])
    else:
        sys.exit(__doc__)

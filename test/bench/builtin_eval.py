#!/usr/bin/env python3
"""How well the builtin models find and answer, on the PostgreSQL manual.

    builtin_eval.py [MANUAL]        default /usr/share/doc/postgresql-doc-15/html

Retrieval: three kinds of query, each with the pages that answer it: the
questions of manual_questions.tsv (written by hand), the titles of all pages,
and 500 terms of the manual's index; and titles with a typing error. A page is
as good as its best chunk of 1600 letters. Compared are the embedding, TF-IDF
with cosine and without hashing (learned from the very text that is searched,
which the embedding has not seen), and, when PG_CONFIG or pg_config is there,
core's text search with any of the words.

Answers: the questions on their eight nearest chunks; the questions of
unanswerable_questions.txt; and each question on the chunks of another one.

Only the standard library and a C compiler are used.
"""
import array
import collections
import ctypes
import html
import math
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, "..", "..")
sys.path.insert(0, os.path.join(HERE, "..", "demo"))
import manual  # noqa: E402

DIM = 384
KINDS = ("questions", "titles", "index terms", "misspelled")
NOT_FOUND = "Not found in the context."


def compile_models(folder):
    library = os.path.join(folder, "builtin.so")
    sources = [os.path.join(TOP, "src/llm/llm_builtin_%s.c" % part)
               for part in ("text", "embed", "sentence", "answer")]
    subprocess.check_call(["cc", "-O2", "-shared", "-fPIC", "-I" + TOP + "/src",
                           "-o", library, os.path.join(HERE, "builtin_eval.c")]
                          + sources + ["-lm"])
    lib = ctypes.CDLL(library)
    lib.builtin_answer.restype = ctypes.c_void_p
    lib.builtin_answer.argtypes = [ctypes.c_char_p, ctypes.c_size_t] * 2
    return lib


def embed(lib, texts):
    data = [t.encode() for t in texts]
    lengths = (ctypes.c_size_t * len(data))(*map(len, data))
    out = (ctypes.c_float * (DIM * len(data)))()
    joined = b"".join(data)
    begun = time.perf_counter()
    lib.eval_embed(joined, lengths, ctypes.c_size_t(len(data)), out)
    return out, time.perf_counter() - begun


def best_per_group(lib, queries, chunks, group, ngroups):
    """Rows of scores, one of ngroups floats for each query."""
    nq, nc = len(queries) // DIM, len(group)
    out = (ctypes.c_float * (nq * ngroups))()
    lib.eval_score(queries, ctypes.c_size_t(nq), chunks,
                   (ctypes.c_int * nc)(*group), ctypes.c_size_t(nc),
                   ctypes.c_size_t(ngroups), out)
    flat = array.array("f", bytes(out))
    return [flat[i * ngroups:(i + 1) * ngroups] for i in range(nq)]


def cut(text, size=1600):
    """Paragraphs, packed; a longer one is cut at a line or a space."""
    chunks, current = [], ""
    for part in re.split(r"\n\n+", text):
        while len(part) > size:
            at = max(part.rfind("\n", 200, size), part.rfind(" ", 200, size))
            at = at if at > 0 else size
            if current:
                chunks.append(current)
                current = ""
            chunks.append(part[:at])
            part = part[at:]
        if current and len(current) + len(part) + 2 > size:
            chunks.append(current)
            current = ""
        current = current + "\n\n" + part if current else part
    return chunks + [current] if current else chunks


def read_queries(pages, directory):
    """(kind, text, set of pages by number)"""
    number = {name: i for i, (name, _, _) in enumerate(pages)}
    queries = []
    with open(os.path.join(HERE, "manual_questions.tsv"), encoding="utf-8") as f:
        for line in f:
            if not line.startswith("#"):
                question, names = line.rstrip("\n").split("\t")
                queries.append((KINDS[0], question,
                                {number[n] for n in names.split()}))

    titles = collections.OrderedDict()
    for i, (_, title, _) in enumerate(pages):
        plain = re.sub(r"^(Chapter |Part |Appendix )?([0-9A-Z]+\.)*[0-9IVX]*\.?\s*",
                       "", title).strip() or title
        titles.setdefault(plain, set()).add(i)
    queries += [(KINDS[1], t, s) for t, s in titles.items()]

    terms = collections.OrderedDict()
    with open(os.path.join(directory, "bookindex.html"), encoding="utf-8") as f:
        for m in re.finditer(r"<dt[^>]*>(.*?)</dt>", f.read(), re.S):
            term = m.group(1).split('<a class="indexterm"')[0]
            term = html.unescape(re.sub(r"<[^>]+>", "", term)).strip().rstrip(",").strip()
            found = {number[p] for p in re.findall(r'href="([^"#]+)', m.group(1))
                     if p in number}
            if found and len(term) > 3 and not re.match(r"(see|in |for |and )", term):
                terms.setdefault(term, set()).update(found)
    terms = [(KINDS[2], t, s) for t, s in terms.items() if len(s) <= 3]
    random.Random(1).shuffle(terms)
    queries += terms[:500]

    rng = random.Random(3)
    wrong = []
    for title, found in titles.items():
        words = title.split()
        long_words = [i for i, w in enumerate(words) if len(w) > 5]
        if long_words:
            i = rng.choice(long_words)
            w, k = words[i], rng.randrange(1, len(words[i]) - 1)
            words[i] = (w[:k] + w[k + 1] + w[k] + w[k + 2:]
                        if rng.random() < .5 else w[:k] + w[k + 1:])
            wrong.append((KINDS[3], " ".join(words), found))
    return queries + wrong[:400]


def tfidf(texts, group, ngroups, queries):
    """Sub-linear counts, smoothed idf, cosine; words as they are written."""
    words = [collections.Counter(re.findall(r"\w\w+", t.lower())) for t in texts]
    df = collections.Counter()
    for w in words:
        df.update(w.keys())
    idf = {w: math.log((1 + len(texts)) / (1 + n)) + 1 for w, n in df.items()}
    postings = {}
    for i, counts in enumerate(words):
        vector = {w: (1 + math.log(c)) * idf[w] for w, c in counts.items()}
        norm = math.sqrt(sum(x * x for x in vector.values())) or 1
        for w, x in vector.items():
            postings.setdefault(w, []).append((i, x / norm))
    rows = []
    for _, text, _ in queries:
        scores = collections.Counter()
        for w, c in collections.Counter(re.findall(r"\w\w+", text.lower())).items():
            for i, x in postings.get(w, ()):
                scores[i] += (1 + math.log(c)) * idf[w] * x
        best = [-1.0] * ngroups
        for i, x in scores.items():
            best[group[i]] = max(best[group[i]], x)
        rows.append(best)
    return rows


def text_search(folder, texts, group, ngroups, queries):
    """Core's text search in a cluster of its own; None without a server."""
    pg_config = os.environ.get("PG_CONFIG") or shutil.which("pg_config")
    if not pg_config:
        return None
    bindir = subprocess.check_output([pg_config, "--bindir"], text=True).strip()
    user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    data = os.path.join(folder, "pg")
    os.mkdir(data)
    os.chmod(folder, 0o755)
    if user:
        shutil.chown(data, "postgres")

    def run(tool, *arguments, **options):
        return subprocess.run(user + [os.path.join(bindir, tool), *arguments],
                              check=True, cwd="/", text=True,
                              stdout=subprocess.PIPE, **options).stdout

    run("initdb", "-D", data + "/d", "-A", "trust", "-U", "postgres", "-E", "UTF8",
        "--locale=C.UTF-8", "-N")
    run("pg_ctl", "-D", data + "/d", "-w", "-l", data + "/log", "-o",
        "-c listen_addresses= -c fsync=off -c unix_socket_directories=" + data, "start")
    try:
        copy = "".join("%d\t%s\n" % (group[i], manual.copy_escape(t))
                       for i, t in enumerate(texts))
        ask = "".join("%d\t%s\n" % (i, manual.copy_escape(q[1]))
                      for i, q in enumerate(queries))
        script = ("CREATE TABLE c (page int, t text);\nCOPY c FROM STDIN;\n" + copy +
                  "\\.\nCREATE TABLE q (n int, t text);\nCOPY q FROM STDIN;\n" + ask +
                  "\\.\nALTER TABLE c ADD v tsvector;\n"
                  "UPDATE c SET v = to_tsvector('english', t);\n"
                  "CREATE INDEX ON c USING gin (v);\nANALYZE;\n"
                  "SELECT n, page, max(ts_rank_cd(v, x, 1)) FROM q, LATERAL (SELECT "
                  "replace(plainto_tsquery('english', q.t)::text, ' & ', ' | ')::tsquery) o(x), c "
                  "WHERE v @@ x GROUP BY 1, 2;\n")
        out = run("psql", "-XqAtF", " ", "-h", data, "-U", "postgres", "-d", "postgres",
                  "-v", "ON_ERROR_STOP=1", "-f", "-", input=script,
                  stderr=subprocess.DEVNULL)
    finally:
        run("pg_ctl", "-D", data + "/d", "-m", "immediate", "stop")
    rows = [[-1.0] * ngroups for _ in queries]
    for line in out.splitlines():
        n, page, rank = line.split()
        rows[int(n)][int(page)] = float(rank)
    return rows


def report(name, queries, rows):
    """Recall at 1, 5 and 10 in percent, and the mean reciprocal rank."""
    ranks = collections.defaultdict(list)
    for (kind, _, pages), scores in zip(queries, rows):
        best = max(scores[p] for p in pages)
        # the worst place among equals; what was not found has none
        rank = sum(s >= best for s in scores) if best > -1 else len(scores)
        ranks[kind].append(rank)
    for kind in KINDS:
        r = ranks[kind]
        print("%-22s %-12s %5d  %5.1f %5.1f %5.1f   %.3f" % (
            name, kind, len(r), *(100 * sum(x <= k for x in r) / len(r) for k in (1, 5, 10)),
            sum(1 / x for x in r) / len(r)))


def ask(lib, libc, question, sources):
    prompt = "".join("<<<bcdfghjk [%d] %s>>>\n%s\n<<<bcdfghjk end>>>\n\n" % (i, t, c)
                     for i, (t, c) in enumerate(sources, 1)) + "Question: " + question
    data = prompt.encode()
    pointer = lib.builtin_answer(None, 0, data, len(data))
    answer = ctypes.string_at(pointer).decode()
    libc.free(pointer)
    return answer


def answers(lib, pages, texts, group, chunks, queries):
    libc = ctypes.CDLL(None)
    libc.free.argtypes = [ctypes.c_void_p]
    hand = [q for q in queries if q[0] == KINDS[0]]
    with open(os.path.join(HERE, "unanswerable_questions.txt"), encoding="utf-8") as f:
        foreign = [line.strip() for line in f if not line.startswith("#")]

    def nearest(questions):
        rows = best_per_group(lib, embed(lib, questions)[0], chunks,
                              range(len(texts)), len(texts))
        return [sorted(range(len(texts)), key=lambda i: -row[i])[:8] for row in rows]

    def reply(question, ids):
        return ask(lib, libc, question, [(pages[group[i]][1], texts[i]) for i in ids])

    near = nearest([q[1] for q in hand])
    held = answered = right = 0
    for (_, question, good), ids in zip(hand, near):
        answer = reply(question, ids)
        cited = {group[ids[int(n) - 1]] for n in re.findall(r"\[(\d+)\]", answer)}
        if any(group[i] in good for i in ids):
            held += 1
            answered += answer != NOT_FOUND
            right += bool(cited & good)
    other = sum(reply(q, near[(i + 7) % len(hand)]) == NOT_FOUND
                for i, (_, q, _) in enumerate(hand))
    none = sum(reply(q, ids) == NOT_FOUND for q, ids in zip(foreign, nearest(foreign)))
    print("\nanswerer, eight nearest chunks")
    print("  a page that answers is among them        %3d of %d questions" % (held, len(hand)))
    print("    and the question is answered           %3d of %d" % (answered, held))
    print("    and such a page is cited               %3d of %d" % (right, held))
    print("  not in the manual: says so               %3d of %d" % (none, len(foreign)))
    print("  chunks of another question: says so      %3d of %d" % (other, len(hand)))


def main():
    directory = sys.argv[1] if len(sys.argv) > 1 else "/usr/share/doc/postgresql-doc-15/html"
    pages = list(manual.pages(directory))
    queries = read_queries(pages, directory)
    texts, group = [], []
    for i, (_, _, content) in enumerate(pages):
        for chunk in cut(content):
            texts.append(chunk)
            group.append(i)
    with tempfile.TemporaryDirectory() as folder:
        lib = compile_models(folder)
        chunks, seconds = embed(lib, texts)
        print("%d pages, %d chunks, %d letters each; embedding: %d chunks a minute\n" % (
            len(pages), len(texts), sum(map(len, texts)) / len(texts),
            60 * len(texts) / seconds))
        print("%-22s %-12s %5s  %5s %5s %5s   %s" % (
            "method", "queries", "n", "R@1", "R@5", "R@10", "MRR"))
        vectors = embed(lib, [q[1] for q in queries])[0]
        report("builtin-embedding", queries,
               best_per_group(lib, vectors, chunks, group, len(pages)))
        titled = [pages[group[i]][1] + "\n\n" + t for i, t in enumerate(texts)]
        titled_chunks = embed(lib, titled)[0]
        report("  with the title", queries,
               best_per_group(lib, vectors, titled_chunks, group, len(pages)))
        report("TF-IDF, cosine", queries, tfidf(texts, group, len(pages), queries))
        rows = text_search(folder, texts, group, len(pages), queries)
        if rows is not None:
            report("text search, core", queries, rows)
        answers(lib, pages, texts, group, titled_chunks, queries)


if __name__ == "__main__":
    main()

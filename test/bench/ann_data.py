#!/usr/bin/python3
"""Real vectors for ann.sh, as files that COPY (FORMAT binary) reads into a table (id int, v vector).

    ann_data.py sift DIR [N]    SIFT descriptors of the wallpapers on this machine, 128 dimensions
    ann_data.py text DIR [N]    TF-IDF of its documentation, reduced to 768 dimensions

Writes DIR/KIND.bin with N rows (all by default) and DIR/KIND_query.bin with 1,000 others. Needs the Debian
packages python3-opencv, gnome-backgrounds, plasma-workspace-wallpapers; python3-sklearn.
"""
import gzip
import html
import os
import re
import struct
import sys

import numpy as np

QUERIES = 1000


def files(roots, pattern):
    for root in roots:
        for folder, _, names in sorted(os.walk(root)):
            for name in sorted(names):
                path = os.path.join(folder, name)
                if re.search(pattern, name) and not os.path.islink(path):
                    yield path


def sift():
    import cv2

    detector = cv2.SIFT_create(nfeatures=60000, contrastThreshold=0.01)
    found = []
    for path in files(["/usr/share/backgrounds", "/usr/share/wallpapers"], r"\.(jpe?g|png|webp)$"):
        image = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
        if image is None:
            continue
        scale = 2600 / max(image.shape)
        if scale < 1:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        descriptors = detector.detectAndCompute(image, None)[1]
        if descriptors is not None:
            found.append(descriptors.astype(np.uint8))
    vectors = np.unique(np.concatenate(found), axis=0)
    np.random.default_rng(1).shuffle(vectors)
    return vectors.astype("<f4")


def passages():
    pattern = r"(\.html|\.txt|changelog.*gz|README.*|copyright|\.gz|\.py|\.h|\.pod|\.pm)$"
    roots = ["/usr/share/doc", "/usr/share/perl", "/usr/lib/python3", "/usr/include", "/usr/share/man"]
    for path in files(roots, pattern):
        try:
            with (gzip.open(path) if path.endswith(".gz") else open(path, "rb")) as file:
                content = file.read(3000000).decode("utf8", "ignore")
        except OSError:
            continue
        if path.endswith(".html"):
            content = html.unescape(re.sub(r"<[^>]+>", " ", content))
        words = content.split()
        for start in range(0, len(words) - 30, 90):
            yield " ".join(words[start:start + 120])


def text():
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    documents = sorted(set(passages()))
    np.random.default_rng(1).shuffle(documents)
    weights = TfidfVectorizer(max_features=40000, sublinear_tf=True, min_df=3,
                              dtype=np.float32).fit_transform(documents[:152000])
    vectors = TruncatedSVD(768, n_iter=2, random_state=1).fit_transform(weights).astype("<f4")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(lengths, 1e-9))[lengths[:, 0] > 0]


def write(path, vectors):
    n, dim = vectors.shape
    rows = np.zeros(n, dtype=[("fields", ">i2"), ("id_len", ">i4"), ("id", ">i4"), ("v_len", ">i4"),
                              ("dim", ">i2"), ("unused", ">i2"), ("x", ">f4", (dim,))])
    rows["fields"], rows["id_len"], rows["id"] = 2, 4, np.arange(1, n + 1)
    rows["v_len"], rows["dim"], rows["x"] = 4 + 4 * dim, dim, vectors
    with open(path, "wb") as file:
        file.write(b"PGCOPY\n\377\r\n\0" + struct.pack(">ii", 0, 0))
        file.write(rows.tobytes())
        file.write(struct.pack(">h", -1))


def main():
    kind, folder = sys.argv[1:3]
    vectors = {"sift": sift, "text": text}[kind]()
    n = min(int(sys.argv[3]) if len(sys.argv) > 3 else len(vectors), len(vectors) - QUERIES)
    write(f"{folder}/{kind}.bin", vectors[:n])
    write(f"{folder}/{kind}_query.bin", vectors[-QUERIES:])
    print(f"{kind}: {n} vectors of {vectors.shape[1]} dimensions, {QUERIES} queries")


main()

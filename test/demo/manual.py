#!/usr/bin/env python3
"""Read the HTML of the PostgreSQL manual as rows of (page, title, content).

    manual.py DIRECTORY             rows in COPY's text format on stdout

Content is Markdown: headings, lists, code and tables stay recognisable, the
navigation does not. Contents, index and cover pages are left out, since they
answer nothing. Only the standard library is used.
"""
import os
import re
import sys
from html.parser import HTMLParser

SKIP_PAGES = {"index.html", "bookindex.html", "biblio.html"}
SKIP_CLASSES = {"navheader", "navfooter", "toc", "titlepage-toc"}
BLOCKS = {"p", "div", "ul", "ol", "dl", "table", "blockquote", "dt", "dd",
          "li", "tr", "pre", "br"}
VOID = {"br", "hr", "img", "meta", "link", "input", "col"}


class Page(HTMLParser):
    """Collects the text of one page."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.out = []           # pieces of text; "\n" pieces are breaks
        self.title = ""
        self.stack = []         # (tag, skipped)
        self.skipping = 0
        self.in_title = False
        self.in_pre = False

    def handle_starttag(self, tag, attrs):
        if tag in VOID:
            if tag == "br":
                self.out.append("\n")
            return
        classes = set((dict(attrs).get("class") or "").split())
        skip = bool(classes & SKIP_CLASSES) or tag in ("script", "style")
        self.stack.append((tag, skip))
        self.skipping += skip
        if tag == "title":
            self.in_title = True
        elif self.skipping:
            pass
        elif tag in ("h1", "h2", "h3", "h4", "h5"):
            self.out.append("\n\n" + "#" * int(tag[1]) + " ")
        elif tag == "pre":
            self.in_pre = True
            self.out.append("\n\n```\n")
        elif tag == "li":
            self.out.append("\n- ")
        elif tag in ("td", "th"):
            self.out.append(" | ")
        elif tag in ("tr", "dt"):
            self.out.append("\n")
        elif tag in ("dd", "p", "div", "table", "ul", "ol", "dl"):
            self.out.append("\n\n")

    def handle_endtag(self, tag):
        if tag in VOID or not any(t == tag for t, _ in self.stack):
            return
        while self.stack:
            top, skip = self.stack.pop()
            self.skipping -= skip
            if top == tag:
                break
        if tag == "title":
            self.in_title = False
        elif self.skipping:
            pass
        elif tag == "pre":
            self.in_pre = False
            self.out.append("\n```\n\n")
        elif tag in ("h1", "h2", "h3", "h4", "h5", "p", "div", "table", "dd"):
            self.out.append("\n\n")

    def handle_data(self, data):
        if self.in_title:
            self.title += data
        elif self.stack and not self.skipping and self.stack[0][0] == "html" \
                and any(t == "body" for t, _ in self.stack):
            self.out.append(data if self.in_pre else re.sub(r"\s+", " ", data))

    def text(self):
        parts = re.split(r"(```\n.*?\n```)", "".join(self.out), flags=re.S)
        for i in range(0, len(parts), 2):
            t = parts[i].replace("\u00a0", " ").replace("\u200b", "")
            t = re.sub(r"[ \t]+", " ", t)
            t = re.sub(r" ?\n ?", "\n", t)
            t = re.sub(r"\n- \n+", "\n- ", t)
            parts[i] = re.sub(r"\n{3,}", "\n\n", t)
        for i in range(1, len(parts), 2):
            parts[i] = re.sub(r"\n{2,}```$", "\n```",
                              re.sub(r"^```\n+", "```\n", parts[i]))
        return re.sub(r"\n{3,}", "\n\n", "".join(parts)).strip()


def pages(directory):
    """Yield (file name, title, content) of each page, in order of name."""
    for name in sorted(os.listdir(directory)):
        if not name.endswith(".html") or name in SKIP_PAGES:
            continue
        with open(os.path.join(directory, name), encoding="utf-8") as f:
            page = Page()
            page.feed(f.read())
        content = page.text()
        if content:
            yield name, page.title.replace("\u00a0", " ").strip(), content


def copy_escape(text):
    return (text.replace("\\", "\\\\").replace("\t", "\\t")
            .replace("\n", "\\n").replace("\r", "\\r"))


if __name__ == "__main__":
    for row in pages(sys.argv[1]):
        sys.stdout.write("\t".join(map(copy_escape, row)) + "\n")

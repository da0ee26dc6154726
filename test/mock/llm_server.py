#!/usr/bin/env python3
"""A model server for tests: loopback only, deterministic, scripted, recording.

It speaks the chat, streaming and embedding formats of OpenAI, Anthropic,
Gemini and Ollama and the common rerank format, on whatever prefix the base
URL has. What it answers follows from the request alone, so tests can say
exactly what they expect. How it answers (slowly, broken, never) is scripted
through POST /_control. What it receives is recorded byte by byte.

See README.md beside this file for the behaviours and the control requests.
Python 3.11 standard library only. Exits with its parent or when its standard
input, if that is a pipe, is closed.
"""

import argparse
import asyncio
import base64
import contextlib
import ctypes
import email.utils
import functools
import gzip
import hashlib
import json
import math
import os
import re
import signal
import socket
import ssl
import stat
import struct
import sys
import time
import urllib.parse

OPTIONS = None


# ---- what is answered: text and vectors that depend on the request alone ----


def words(text):
    return re.findall(r"\w+", text.lower())


def sentences(text):
    return [s.strip() for s in re.split(r"(?<=[.!?])\s+|\n+", text) if s.strip()]


def sources(prompt):
    """([(number, content)], question) of a prompt in the ask grammar, else ([], prompt).

    The grammar is in src/context/README.md.
    """
    nonce = re.match(r"<<<([a-z]+) \[", prompt)
    if not nonce:
        return [], prompt
    n = nonce.group(1)
    block = rf"^<<<{n} \[(\d+)\] [^\n]*>>>\n(.*?)\n<<<{n} end>>>\n"
    found = [(int(number), content) for number, content in re.findall(block, prompt, re.S | re.M)]
    return found, prompt.rpartition(f"<<<{n} end>>>\n")[2].strip().removeprefix("Question: ")


def answer(prompt):
    """The source sentence nearest to the question with its citation, or an echo."""
    blocks, question = sources(prompt)
    if not blocks:
        return "echo: " + prompt
    asked = set(words(question))
    score, number, sentence = max(
        (len(asked & set(words(s))), -n, s) for n, content in blocks for s in sentences(content) or [""]
    )
    if score == 0:
        return "Not found in the context."
    return f"{sentence.rstrip('.!?')} [{-number}]."


@functools.lru_cache(maxsize=200_000)
def feature(name):
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")


def embedding(text, dimensions):
    """Hashed words and their trigrams, unit length: shared words bring texts near."""
    vector = [0.0] * dimensions
    for word in words(text):
        padded = f" {word} "
        grams = [padded[i : i + 3] for i in range(len(padded) - 2)]
        for name, weight in [(word, 1.0)] + [(g, 0.25) for g in grams]:
            h = feature(name)
            vector[h % dimensions] += weight if h >> 63 else -weight
    norm = math.sqrt(sum(x * x for x in vector))
    if norm == 0.0:
        vector[0] = norm = 1.0
    return [x / norm for x in vector]


def instance(schema):
    """The smallest value that fits a JSON Schema, for structured answers."""
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind.lower()
    if kind == "object":
        return {k: instance(v) for k, v in schema.get("properties", {}).items()}
    if kind == "array":
        return [instance(schema.get("items", {"type": "string"}))] * schema.get("minItems", 1)
    numbers = {"integer": 1, "number": 0.5}
    if kind in numbers:
        return schema.get("minimum", numbers[kind])
    return {"string": "text", "boolean": True, "null": None}[kind]


def text_of(content):
    """Text of a message's content in any provider's form."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        return text_of(content.get("text") or content.get("parts") or "")
    return "\n".join(text_of(part) for part in content or [])


class Chat:
    """One chat answer, before it takes a provider's form."""

    def __init__(self, prompt, limit, schema, behaviour):
        if "content" in behaviour:
            self.text = behaviour["content"]
        elif schema:
            self.text = json.dumps(instance(schema))
        else:
            self.text = answer(prompt)
        pieces = re.findall(r"\s*\S+", self.text)
        self.cut = bool(limit) and len(pieces) > limit
        self.pieces = pieces[:limit] if self.cut else pieces
        self.text = "".join(self.pieces) if self.cut else self.text
        self.certainty = behaviour.get("certainty", 1.0)
        self.tokens_in = len(words(prompt))
        self.tokens_out = behaviour.get("tokens_out", len(self.pieces))


# ---- the providers' forms ----------------------------------------------------
#
# A form is a class with: chat(request, behaviour) -> Chat, whole(chat, model)
# -> JSON document, stream(chat, model) -> list of bytes, error(status, text)
# -> JSON document.


def sse(data, event=None):
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(data) if not isinstance(data, str) else data}\n\n".encode()


class OpenAI:
    stream_type = "text/event-stream"

    @staticmethod
    def chat(request, behaviour):
        messages = request.get("messages") or []
        users = [text_of(m.get("content")) for m in messages if m.get("role") == "user"]
        schema = (request.get("response_format") or {}).get("json_schema", {}).get("schema")
        limit = request.get("max_completion_tokens") or request.get("max_tokens")
        chat = Chat(users[-1] if users else "", limit, schema, behaviour)
        chat.logprobs = bool(request.get("logprobs"))
        return chat

    @staticmethod
    def usage(chat):
        return {
            "prompt_tokens": chat.tokens_in,
            "completion_tokens": chat.tokens_out,
            "total_tokens": chat.tokens_in + chat.tokens_out,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        }

    @classmethod
    def whole(cls, chat, model):
        logprobs = {"content": [{"token": p, "logprob": math.log(chat.certainty) / len(chat.pieces), "top_logprobs": []}
                                for p in chat.pieces], "refusal": None}
        return {
            "id": "chatcmpl-mock",
            "object": "chat.completion",
            "created": 1700000000,
            "model": model,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": chat.text, "refusal": None},
                    "logprobs": logprobs if chat.logprobs else None,
                    "finish_reason": "length" if chat.cut else "stop",
                }
            ],
            "usage": cls.usage(chat),
        }

    @classmethod
    def stream(cls, chat, model):
        def chunk(delta, finish=None, **more):
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            return sse({"id": "chatcmpl-mock", "object": "chat.completion.chunk", "model": model,
                        "choices": [choice]} | more)

        parts = [b": keep-alive comment\n\n", chunk({"role": "assistant", "content": ""})]
        parts += [chunk({"content": p}) for p in chat.pieces]
        parts += [chunk({}, "length" if chat.cut else "stop")]
        parts += [chunk({}, choices=[], usage=cls.usage(chat))]
        return parts + [sse("[DONE]")]

    @staticmethod
    def error(status, text, code=None):
        return {"error": {"message": text, "type": "mock_error", "param": None, "code": code}}

    @classmethod
    def stream_error(cls):
        return sse(cls.error(500, "scripted error in the stream"))


class Responses:
    stream_type = "text/event-stream"
    error = OpenAI.error

    @staticmethod
    def chat(request, behaviour):
        items = request.get("input") or []
        items = [{"role": "user", "content": items}] if isinstance(items, str) else items
        users = [text_of(i.get("content")) for i in items if i.get("role") == "user"]
        form = (request.get("text") or {}).get("format") or {}
        return Chat(users[-1] if users else "", request.get("max_output_tokens"), form.get("schema"), behaviour)

    @classmethod
    def whole(cls, chat, model):
        return {
            "id": "resp_mock",
            "object": "response",
            "status": "incomplete" if chat.cut else "completed",
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if chat.cut else None,
            "model": model,
            "output": [
                {"type": "reasoning", "id": "rs_mock", "summary": []},
                {"type": "message", "id": "msg_mock", "role": "assistant", "status": "completed",
                 "content": [{"type": "output_text", "text": chat.text, "annotations": []}]},
            ],
            "usage": {
                "input_tokens": chat.tokens_in,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": chat.tokens_out,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": chat.tokens_in + chat.tokens_out,
            },
        }

    @classmethod
    def stream(cls, chat, model):
        def event(name, **data):
            return sse({"type": name} | data, name)

        whole = cls.whole(chat, model)
        parts = [event("response.created", response=whole | {"status": "in_progress", "output": []})]
        parts += [event("response.output_text.delta", item_id="msg_mock", output_index=0, content_index=0, delta=p)
                  for p in chat.pieces]
        return parts + [event("response.incomplete" if chat.cut else "response.completed", response=whole)]

    @classmethod
    def stream_error(cls):
        return sse({"type": "error", "code": "server_error", "message": "scripted error in the stream"}, "error")


class Anthropic:
    stream_type = "text/event-stream"

    @staticmethod
    def chat(request, behaviour):
        messages = request.get("messages") or []
        users = [text_of(m.get("content")) for m in messages if m.get("role") == "user"]
        schema = (request.get("output_config") or {}).get("format", {}).get("schema")
        return Chat(users[-1] if users else "", request.get("max_tokens"), schema, behaviour)

    @staticmethod
    def usage(chat):
        return {"input_tokens": chat.tokens_in, "output_tokens": chat.tokens_out,
                "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}

    @classmethod
    def whole(cls, chat, model):
        return {
            "id": "msg_mock",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [{"type": "text", "text": chat.text}],
            "stop_reason": "max_tokens" if chat.cut else "end_turn",
            "stop_sequence": None,
            "usage": cls.usage(chat),
        }

    @classmethod
    def stream(cls, chat, model):
        def event(name, **data):
            return sse({"type": name} | data, name)

        start = cls.whole(chat, model) | {"content": [], "stop_reason": None}
        parts = [
            event("message_start", message=start),
            event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
            event("ping"),
        ]
        parts += [event("content_block_delta", index=0, delta={"type": "text_delta", "text": p})
                  for p in chat.pieces]
        return parts + [
            event("content_block_stop", index=0),
            event("message_delta", usage={"output_tokens": chat.tokens_out},
                  delta={"stop_reason": "max_tokens" if chat.cut else "end_turn"}),
            event("message_stop"),
        ]

    @staticmethod
    def error(status, text, code=None):
        kinds = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error",
                 529: "overloaded_error"}
        return {"type": "error", "request_id": "req_mock",
                "error": {"type": kinds.get(status, "api_error"), "message": text}}

    @classmethod
    def stream_error(cls):
        return sse(cls.error(529, "scripted error in the stream"), "error")


class Gemini:
    stream_type = "text/event-stream"

    @staticmethod
    def chat(request, behaviour):
        users = [text_of(c) for c in request.get("contents") or [] if c.get("role", "user") == "user"]
        config = request.get("generationConfig") or {}
        schema = config.get("responseJsonSchema") or config.get("responseSchema")
        return Chat(users[-1] if users else "", config.get("maxOutputTokens"), schema, behaviour)

    @staticmethod
    def part(text, model, finish=None, chat=None):
        candidate = {"index": 0, "content": {"role": "model", "parts": [{"text": text}]}}
        body = {"candidates": [candidate], "modelVersion": model}
        if finish:
            candidate["finishReason"] = finish
            body["usageMetadata"] = {
                "promptTokenCount": chat.tokens_in,
                "candidatesTokenCount": chat.tokens_out,
                "totalTokenCount": chat.tokens_in + chat.tokens_out,
            }
        return body

    @classmethod
    def whole(cls, chat, model):
        return cls.part(chat.text, model, "MAX_TOKENS" if chat.cut else "STOP", chat)

    @classmethod
    def stream(cls, chat, model):
        parts = [sse(cls.part(p, model)) for p in chat.pieces]
        return parts + [sse(cls.part("", model, "MAX_TOKENS" if chat.cut else "STOP", chat))]

    @staticmethod
    def error(status, text, code=None):
        names = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "NOT_FOUND",
                 429: "RESOURCE_EXHAUSTED"}
        return {"error": {"code": status, "message": text, "status": names.get(status, "INTERNAL")}}

    @classmethod
    def stream_error(cls):
        return sse(cls.error(500, "scripted error in the stream"))


class Ollama:
    stream_type = "application/x-ndjson"

    @staticmethod
    def chat(request, behaviour):
        messages = request.get("messages") or [{"role": "user", "content": request.get("prompt", "")}]
        users = [text_of(m.get("content")) for m in messages if m.get("role") == "user"]
        schema = request.get("format") if isinstance(request.get("format"), dict) else None
        limit = (request.get("options") or {}).get("num_predict")
        return Chat(users[-1] if users else "", limit, schema, behaviour)

    @staticmethod
    def part(text, model, chat=None):
        body = {"model": model, "created_at": "2024-01-01T00:00:00Z", "done": chat is not None,
                "message": {"role": "assistant", "content": text}}
        if chat is not None:
            body |= {"done_reason": "length" if chat.cut else "stop", "total_duration": 1000,
                     "prompt_eval_count": chat.tokens_in, "eval_count": chat.tokens_out}
        return body

    @classmethod
    def whole(cls, chat, model):
        return cls.part(chat.text, model, chat)

    @classmethod
    def stream(cls, chat, model):
        parts = [cls.part(p, model) for p in chat.pieces] + [cls.part("", model, chat)]
        return [json.dumps(p).encode() + b"\n" for p in parts]

    @staticmethod
    def error(status, text, code=None):
        return {"error": text}

    @classmethod
    def stream_error(cls):
        return json.dumps(cls.error(500, "scripted error in the stream")).encode() + b"\n"


def vectors(texts, dimensions, behaviour):
    """Embeddings of texts, spoiled as the behaviour says."""
    kind = behaviour["kind"]
    if kind == "wrong_dimension":
        dimensions = behaviour.get("dimension", dimensions + 1)
    if kind == "wrong_count":
        texts = texts[:-1]
    found = [embedding(t, dimensions) for t in texts]
    if kind == "nan":
        found = [[float("nan")] * dimensions for _ in texts]
    return found


@functools.lru_cache
def bomb():
    return gzip.compress(b'{"x": "' + b"a" * 2_000_000 + b'"}')


def packed(vector):
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def route(path, request, behaviour):
    """(form, document or Chat, model, streamed) for a request, or None for an unknown path."""
    path = urllib.parse.unquote(path)
    model = request.get("model") or "mock"
    dims = (request.get("dimensions") or request.get("outputDimensionality")
            or OPTIONS.dimensions)

    if path.endswith("/chat/completions"):
        return OpenAI, OpenAI.chat(request, behaviour), model, bool(request.get("stream"))
    if path.endswith("/responses"):
        return Responses, Responses.chat(request, behaviour), model, bool(request.get("stream"))
    if path.endswith("/messages"):
        return Anthropic, Anthropic.chat(request, behaviour), model, bool(request.get("stream"))
    if path.endswith("/api/chat"):
        return Ollama, Ollama.chat(request, behaviour), model, request.get("stream", True)
    if path.endswith("/api/embed"):
        texts = request.get("input")
        texts = [texts] if isinstance(texts, str) else texts
        return Ollama, {"model": model, "embeddings": vectors(texts, dims, behaviour),
                        "prompt_eval_count": sum(len(words(t)) for t in texts)}, model, False
    if path.endswith("/embeddings"):
        texts = request.get("input")
        texts = [texts] if isinstance(texts, str) else texts
        form = packed if request.get("encoding_format") == "base64" else list
        data = [{"object": "embedding", "index": i, "embedding": form(v)}
                for i, v in enumerate(vectors(texts, dims, behaviour))]
        if behaviour["kind"] == "shuffled":
            data.reverse()
        tokens = sum(len(words(t)) for t in texts)
        return OpenAI, {"object": "list", "data": data, "model": model,
                        "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}, model, False
    if path.endswith("/rerank"):
        query = set(words(request["query"]))
        texts = [text_of(d) for d in request.get("documents") or request.get("texts")]
        scored = sorted(({"index": i, "relevance_score": len(query & set(words(t))) / max(1, len(query))}
                         for i, t in enumerate(texts)), key=lambda r: (-r["relevance_score"], r["index"]))
        return OpenAI, {"model": model, "results": scored[: request.get("top_n") or len(scored)],
                        "usage": {"total_tokens": sum(len(words(t)) for t in texts)}}, model, False

    gemini = re.search(r"/models/([^/:]+):(\w+)$", path)
    if gemini:
        model, verb = gemini.groups()
        if verb in ("generateContent", "streamGenerateContent"):
            return Gemini, Gemini.chat(request, behaviour), model, verb.startswith("stream")
        if verb == "embedContent":
            [v] = vectors([text_of(request["content"])], dims, behaviour) or [[]]
            return Gemini, {"embedding": {"values": v}}, model, False
        if verb == "batchEmbedContents":
            parts = request["requests"]
            dims = parts[0].get("outputDimensionality") or dims
            found = vectors([text_of(r["content"]) for r in parts], dims, behaviour)
            return Gemini, {"embeddings": [{"values": v} for v in found]}, model, False
        if verb == "countTokens":
            return Gemini, {"totalTokens": Gemini.chat(request, {}).tokens_in}, model, False
    return None


# ---- scripts and records -----------------------------------------------------


class State:
    def __init__(self):
        self.reset()

    def reset(self):
        self.rules = []
        self.requests = []
        self.raw = bytearray()
        self.file = open(OPTIONS.record, "wb", buffering=0) if OPTIONS.record else None
        self.open = self.max_open = 0
        self.windows = []
        self.changed = asyncio.Event()

    def over_limit(self, behaviour):
        """Milliseconds to wait where a window has had its requests, else 0."""
        now = time.time()
        if now >= behaviour.get("ends", 0):
            behaviour.update(ends=now + behaviour["seconds"], left=behaviour["requests"])
            self.windows.append({"starts": now, "ends": behaviour["ends"], "refused": []})
        if behaviour["left"] > 0:
            behaviour["left"] -= 1
            return 0
        self.windows[-1]["refused"].append(now)
        return int((behaviour["ends"] - now) * 1000) + 1

    def note(self):
        self.changed.set()
        self.changed = asyncio.Event()

    def behaviour(self, path, body, request):
        """The next behaviour of the first rule that matches and has one left."""
        for rule in self.rules:
            match = rule.get("match", {})
            if match.get("path", "") not in path:
                continue
            if "model" in match and match["model"] != request.get("model") and match["model"] not in path:
                continue
            if match.get("contains", "").encode() not in body:
                continue
            if rule["do"]:
                last = rule.get("always") and len(rule["do"]) == 1
                return rule["do"][0] if last else rule["do"].pop(0)
        return {"kind": "ok"}


def normal(behaviour):
    return {"kind": behaviour} if isinstance(behaviour, str) else behaviour


KINDS = {"ok", "slow", "hang", "stall", "close", "reset", "close_mid_body", "status", "429", "500",
         "malformed", "html", "empty", "wrong_dimension", "wrong_count", "shuffled", "nan", "endless",
         "drip", "redirect", "invalid_utf8", "nul", "deep", "huge_header", "many_headers",
         "stream_error", "stream_malformed", "split", "no_http", "bad_chunk", "gzip", "body", "limit"}


def control(state, document):
    rules = document if isinstance(document, list) else [document]
    for rule in rules:
        rule["do"] = [normal(b) for b in rule["do"]]
        unknown = {b["kind"] for b in rule["do"]} - KINDS
        if unknown:
            raise ValueError(f"unknown behaviour {unknown}; known: {sorted(KINDS)}")
    state.rules = [r for r in state.rules if r["do"]] + rules


# ---- HTTP ----------------------------------------------------------------------


class Gone(Exception):
    """The client closed the connection, or this side decided to."""


class Connection:
    """One keep-alive connection. Bytes read go to the record of the current request."""

    def __init__(self, state, reader, writer):
        self.state, self.reader, self.writer = state, reader, writer
        self.received = bytearray()

    async def read(self, coroutine):
        try:
            data = await coroutine
        except asyncio.IncompleteReadError as e:
            self.received += e.partial
            raise Gone from e
        except (ConnectionError, asyncio.LimitOverrunError) as e:
            raise Gone from e
        self.received += data
        return data

    def keep(self):
        """What was received since the last call; the caller records or drops it."""
        data, self.received = bytes(self.received), bytearray()
        return data

    async def send(self, data):
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError as e:
            raise Gone from e

    async def head(self, status, headers):
        lines = [f"HTTP/1.1 {status} Mock"] + [f"{k}: {v}" for k, v in headers]
        await self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    async def document(self, body, status=200, headers=()):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        await self.head(status, [("Content-Type", "application/json"),
                                 ("Content-Length", len(body)), *headers])
        await self.send(body)

    async def unfinished(self, body, then):
        await self.head(200, [("Content-Type", "text/event-stream"), ("Content-Length", len(body) + 1)])
        await self.send(body)
        if then == "hang":
            await self.client_leaves()
        raise Gone

    async def chunk(self, data):
        await self.send(b"%x\r\n%s\r\n" % (len(data), data))

    async def client_leaves(self):
        """Answer nothing until the client closes."""
        while True:
            await self.read(self.reader.readexactly(1))

    async def request(self):
        """(method, path, headers, body) of the next request."""
        head = await self.read(self.reader.readuntil(b"\r\n\r\n"))
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        method, path, _ = first.split(" ", 2)
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        if headers.get("expect", "").lower() == "100-continue":
            await self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = bytearray()
            while size := int(await self.read(self.reader.readuntil(b"\r\n")), 16):
                body += (await self.read(self.reader.readexactly(size + 2)))[:-2]
            await self.read(self.reader.readuntil(b"\r\n"))
        else:
            body = await self.read(self.reader.readexactly(int(headers.get("content-length", 0))))
        return method, path, headers, bytes(body)

    # ---- answers -----------------------------------------------------------

    async def fail(self, form, status, behaviour):
        headers = list((behaviour.get("headers") or {}).items())
        if "retry_after" in behaviour:
            headers.append(("Retry-After", behaviour["retry_after"]))
        if "retry_after_ms" in behaviour:
            headers.append(("retry-after-ms", behaviour["retry_after_ms"]))
        if "retry_after_date" in behaviour:  # a date so many seconds from now
            at = time.time() + behaviour["retry_after_date"]
            headers.append(("Retry-After", email.utils.formatdate(at, usegmt=True)))
        text = behaviour.get("message", f"scripted status {status}")
        await self.document(form.error(status, text, behaviour.get("code")), status, headers)

    async def streamed(self, form, parts, behaviour):
        kind = behaviour["kind"]
        await self.head(200, [("Content-Type", form.stream_type), ("Transfer-Encoding", "chunked")])
        for i, part in enumerate(parts):
            if i == len(parts) // 2:
                if kind == "close_mid_body":
                    raise Gone
                if kind == "stall":
                    await self.client_leaves()
                if kind in ("stream_error", "stream_malformed"):
                    broken = part.replace(b"{", b"{{", 1)
                    await self.chunk(form.stream_error() if kind == "stream_error" else broken)
                    await self.send(b"0\r\n\r\n")
                    return
                if kind == "bad_chunk":
                    await self.send(b"nonsense\r\n")
                    raise Gone
            for piece in [part] if kind != "split" else [bytes([b]) for b in part]:
                await self.chunk(piece)
            await asyncio.sleep(behaviour.get("interval", 0.1) if kind == "drip" else 0)
        await self.send(b"0\r\n\r\n")

    async def whole(self, body, behaviour):
        kind = behaviour["kind"]
        if kind in ("close_mid_body", "stall", "drip"):
            await self.head(200, [("Content-Type", "application/json"), ("Content-Length", len(body))])
            if kind == "drip":
                for byte in body:
                    await self.send(bytes([byte]))
                    await asyncio.sleep(behaviour.get("interval", 0.1))
                return
            await self.send(body[: len(body) // 2])
            if kind == "stall":
                await self.client_leaves()
            raise Gone
        headers = []
        if kind == "huge_header":
            headers = [("X-Huge", "h" * behaviour.get("bytes", 1_000_000))]
        if kind == "many_headers":
            headers = [(f"X-Many-{i}", "h" * 100) for i in range(behaviour.get("count", 10_000))]
        await self.document(body, 200, headers)

    async def endless(self):
        """A JSON string that never ends, as fast as the client takes it."""
        await self.head(200, [("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")])
        await self.chunk(b'{"choices": [{"message": {"content": "')
        while True:
            await self.chunk(b"x" * 65536)
            await asyncio.sleep(0)

    async def respond(self, path, request, behaviour):
        """Answer one model request as the behaviour says."""
        kind = behaviour["kind"]
        await asyncio.sleep(behaviour.get("delay", 0))
        if kind == "hang":
            await self.client_leaves()
        if kind == "close":
            raise Gone
        if kind == "reset":
            linger = struct.pack("ii", 1, 0)
            self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            raise Gone
        if kind == "no_http":
            await self.send(b"220 mail.example ESMTP\r\n" + bytes(range(256)) * 4)
            raise Gone
        if kind == "gzip":  # a small body that would become a large one
            await self.document(bomb(), 200, [("Content-Encoding", "gzip")])
            return
        if kind == "endless":
            await self.endless()
        if kind == "redirect":
            location = behaviour.get("location", "http://127.0.0.1:1/elsewhere")
            await self.document(b"", behaviour.get("status", 302), [("Location", location)])
            return
        spoiled = {"malformed": b'{"choices": [{"message": {"content": "cut',
                   "html": b"<html><body>502 Bad Gateway</body></html>",
                   "empty": b"",
                   "deep": b"[" * 100_000 + b"]" * 100_000}
        if kind in spoiled:
            await self.document(spoiled[kind])
            return
        if kind == "body" and "then" in behaviour:
            await self.unfinished(behaviour["body"].encode(), behaviour["then"])
            return
        if kind == "body":
            await self.document(behaviour["body"].encode(), behaviour.get("status", 200))
            return
        if kind == "slow":
            await asyncio.sleep(behaviour.get("seconds", 1))

        found = route(path.partition("?")[0], request, behaviour)
        if found is None:
            await self.document(OpenAI.error(404, f"no such path: {path}"), 404)
            return
        form, result, model, streamed = found
        if kind == "limit":
            wait = self.state.over_limit(behaviour)
            if wait:
                await self.fail(form, 429, {"retry_after_ms": wait})
                return
        if kind in ("429", "500", "status"):
            await self.fail(form, behaviour.get("status", 503) if kind == "status" else int(kind), behaviour)
            return
        mark = {"invalid_utf8": (b"spoiled_here", b"\xff\xfe"),
                "nul": (b"spoiled_here", b"\\u0000")}.get(kind)
        if mark and isinstance(result, Chat):
            result.pieces = ["spoiled_here", *result.pieces]
            result.text = "spoiled_here " + result.text
        if streamed:
            parts = form.stream(result, model)
            await self.streamed(form, [p.replace(*mark) for p in parts] if mark else parts, behaviour)
            return
        body = json.dumps(form.whole(result, model) if isinstance(result, Chat) else result).encode()
        await self.whole(body.replace(*mark) if mark else body, behaviour)

    async def administer(self, method, path, body):
        """The paths for the test itself, never recorded."""
        url = urllib.parse.urlsplit(path)
        query = dict(urllib.parse.parse_qsl(url.query))
        state = self.state
        if url.path == "/_control" and method == "POST":
            try:
                control(state, json.loads(body))
            except (ValueError, KeyError, TypeError) as e:
                await self.document({"error": repr(e)}, 400)
                return
            await self.document({"rules": len(state.rules)})
        elif url.path == "/_reset" and method == "POST":
            state.reset()
            await self.document({})
        elif url.path == "/_record":
            await self.document(bytes(state.raw) if "raw" in query else state.requests)
        elif url.path == "/_stats":
            await self.document({"requests": len(state.requests), "open": state.open,
                                 "max_open": state.max_open, "windows": state.windows})
        elif url.path == "/_wait":  # until so many requests have arrived
            deadline = time.monotonic() + float(query.get("seconds", 30))
            while len(state.requests) < int(query["requests"]):
                try:
                    await asyncio.wait_for(state.changed.wait(), deadline - time.monotonic())
                except asyncio.TimeoutError:
                    break
            await self.document({"requests": len(state.requests)})
        else:
            await self.document({"error": "unknown"}, 404)

    def record_bytes(self):
        data = self.keep()
        self.state.raw += data
        if self.state.file:
            self.state.file.write(data)

    def record(self, method, path, headers, body):
        """Keep a request; returns its JSON, {} when it is none."""
        try:
            request = json.loads(body)
        except ValueError:
            request = None
        self.record_bytes()
        self.state.requests.append({
            "at": time.time(),
            "method": method,
            "path": path,
            "headers": headers,
            "body": body.decode("utf-8", "backslashreplace"),
            "json": request,
        })
        self.state.note()
        return request if isinstance(request, dict) else {}

    async def serve(self):
        while True:
            method, path, headers, body = await self.request()
            if path.startswith("/_"):
                self.keep()
                await self.administer(method, path, body)
                continue
            request = self.record(method, path, headers, body)
            state = self.state
            state.open += 1
            state.max_open = max(state.max_open, state.open)
            try:
                if method == "GET":
                    await self.document({"object": "list", "data": [{"id": "mock", "object": "model"}]})
                else:
                    await self.respond(path, request, state.behaviour(path, body, request))
            finally:
                state.open -= 1
            if headers.get("connection", "").lower() == "close":
                return


async def accept(state, reader, writer):
    connection = Connection(state, reader, writer)
    try:
        await connection.serve()
    except (Gone, ConnectionError):
        pass
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        with contextlib.suppress(Gone):
            await connection.document(OpenAI.error(400, f"bad request: {e!r}"), 400)
    finally:
        connection.record_bytes()  # of a request that never became whole
        writer.close()


# ---- life ----------------------------------------------------------------------


def die_with_parent():
    """Leave nothing behind: end with the parent, or with a piped standard input."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
    loop = asyncio.get_running_loop()
    parent = os.getppid()

    def look():
        if os.getppid() != parent:
            os._exit(0)
        loop.call_later(1, look)

    def ended():
        if not os.read(0, 4096):
            os._exit(0)

    look()
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        loop.add_reader(0, ended)


async def main():
    state = State()
    context = None
    if OPTIONS.cert:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(OPTIONS.cert, OPTIONS.key)
    server = await asyncio.start_server(
        lambda r, w: accept(state, r, w), OPTIONS.host, 0, limit=2**20, backlog=1024, ssl=context)
    port = server.sockets[0].getsockname()[1]
    die_with_parent()
    if OPTIONS.port_file:
        with open(OPTIONS.port_file + ".tmp", "w") as f:
            f.write(f"{port}\n")
        os.rename(OPTIONS.port_file + ".tmp", OPTIONS.port_file)
    print(port, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="scripted, recording model server on loopback")
    parser.add_argument("--host", default="127.0.0.1", choices=["127.0.0.1", "::1"])
    parser.add_argument("--port-file", help="write the port here, too")
    parser.add_argument("--record", help="append every byte of model requests to this file")
    parser.add_argument("--dimensions", type=int, default=384, help="of embeddings, unless asked otherwise")
    parser.add_argument("--cert", help="speak TLS with this certificate")
    parser.add_argument("--key", help="and this private key")
    OPTIONS = parser.parse_args()
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass

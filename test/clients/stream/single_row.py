#!/usr/bin/env python3
"""Rows as libpq's single-row mode gives them: each line is the time in ms since
the statement was sent, a tab, and the first column.

    single_row.py CONNINFO STATEMENT
"""

import ctypes
import ctypes.util
import sys
import time

pq = ctypes.CDLL(ctypes.util.find_library("pq"))
for name in ("PQconnectdb", "PQgetResult"):
    getattr(pq, name).restype = ctypes.c_void_p
for name in ("PQgetvalue", "PQerrorMessage"):
    getattr(pq, name).restype = ctypes.c_char_p

SINGLE_TUPLE, TUPLES_OK = 9, 2

conninfo, statement = (arg.encode() for arg in sys.argv[1:3])
connection = ctypes.c_void_p(pq.PQconnectdb(conninfo))
start = time.monotonic()
if not pq.PQsendQuery(connection, statement) or not pq.PQsetSingleRowMode(connection):
    sys.exit(pq.PQerrorMessage(connection).decode())
while result := pq.PQgetResult(connection):
    result = ctypes.c_void_p(result)
    status = pq.PQresultStatus(result)
    if status == SINGLE_TUPLE:
        ms = (time.monotonic() - start) * 1000
        print(f"{ms:.0f}\t{pq.PQgetvalue(result, 0, 0).decode()}", flush=True)
    elif status != TUPLES_OK:
        sys.exit(pq.PQerrorMessage(connection).decode())
    pq.PQclear(result)
pq.PQfinish(connection)

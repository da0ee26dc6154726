-- complain if the script is sourced in psql rather than through CREATE EXTENSION
\echo Use "CREATE EXTENSION intel" to load this file. \quit

-- Types, operators and pure functions are for everybody; whatever sends,
-- costs or administers is revoked from PUBLIC where it is defined.
GRANT USAGE ON SCHEMA @extschema@ TO PUBLIC;

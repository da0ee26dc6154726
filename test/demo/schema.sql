-- The database of the demo: the manual for everybody, tickets by tenant.

CREATE EXTENSION intel;

CREATE TABLE manual_page (
    page    text PRIMARY KEY,
    title   text NOT NULL,
    content text NOT NULL
);

CREATE TABLE manual (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    page      text NOT NULL REFERENCES manual_page,
    title     text NOT NULL,
    content   text NOT NULL,
    embedding intel.vector(384),
    words     tsvector GENERATED ALWAYS AS
              (setweight(to_tsvector('english', title), 'A') || to_tsvector('english', content)) STORED
);
CREATE INDEX ON manual USING gin (words);

CREATE TABLE ticket (
    id        int GENERATED ALWAYS AS IDENTITY (START WITH 101) PRIMARY KEY,
    tenant    text NOT NULL,
    opened    date NOT NULL,
    subject   text NOT NULL,
    body      text NOT NULL,
    embedding intel.vector(384)
);
ALTER TABLE ticket ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON ticket USING (tenant = (SELECT intel.tenant()));

-- who works at the support desk of any tenant; the claims say which
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'support') THEN
        CREATE ROLE support;
    END IF;
END $$;
SELECT intel.grant_access('support');
GRANT SELECT ON manual, ticket TO support;

"""Full text over messages and titles, kept by the database itself.

SQLite: two FTS5 tables without contents of their own, filled by triggers. `place` says who may find a row: its owner,
and the organization where it is shown; so a search for a common word walks the searcher's own rows alone. A later
migration that makes SQLite build `conversations_message` or `conversations_conversation` anew drops the triggers with
the old table and has to run `install` of this module again; the tests of search fail until it does.

PostgreSQL: a generated column on each table with a GIN index. Django does not know the columns. An answer that is being
written has none, so that writing it down every moment touches no index.
"""

import sqlite3

from django.db import migrations

PLACE = """
    'w' || replace(c.owner, '_', '') ||
    CASE c.visibility WHEN 'organization' THEN ' o' || c.organization_id ELSE '' END
"""
OPTIONS = "content='', prefix='2 3', tokenize='unicode61 remove_diacritics 2'"

SQLITE = f"""
CREATE VIRTUAL TABLE conversations_words USING fts5(place, content, {OPTIONS});
CREATE VIRTUAL TABLE conversations_titles USING fts5(place, content, {OPTIONS});

CREATE TRIGGER conversations_words_insert AFTER INSERT ON conversations_message
WHEN new.status <> 'generating' AND new.content <> '' BEGIN
  INSERT INTO conversations_words (rowid, place, content)
  SELECT new.id, {PLACE}, new.content
  FROM conversations_conversation c WHERE c.id = new.conversation_id;
END;
CREATE TRIGGER conversations_words_delete AFTER DELETE ON conversations_message
WHEN old.status <> 'generating' AND old.content <> '' BEGIN
  INSERT INTO conversations_words (conversations_words, rowid, place, content)
  SELECT 'delete', old.id, {PLACE}, old.content
  FROM conversations_conversation c WHERE c.id = old.conversation_id;
END;
CREATE TRIGGER conversations_words_update AFTER UPDATE OF content, status ON conversations_message
WHEN (old.status <> 'generating' OR new.status <> 'generating')
 AND (old.content <> new.content OR (old.status = 'generating') <> (new.status = 'generating'))
BEGIN
  INSERT INTO conversations_words (conversations_words, rowid, place, content)
  SELECT 'delete', old.id, {PLACE}, old.content
  FROM conversations_conversation c
  WHERE c.id = old.conversation_id AND old.status <> 'generating' AND old.content <> '';
  INSERT INTO conversations_words (rowid, place, content)
  SELECT new.id, {PLACE}, new.content
  FROM conversations_conversation c
  WHERE c.id = new.conversation_id AND new.status <> 'generating' AND new.content <> '';
END;

CREATE TRIGGER conversations_titles_insert AFTER INSERT ON conversations_conversation BEGIN
  INSERT INTO conversations_titles (rowid, place, content)
  SELECT c.id, {PLACE}, c.title FROM conversations_conversation c WHERE c.id = new.id;
END;
CREATE TRIGGER conversations_titles_delete BEFORE DELETE ON conversations_conversation BEGIN
  INSERT INTO conversations_titles (conversations_titles, rowid, place, content)
  SELECT 'delete', c.id, {PLACE}, c.title FROM conversations_conversation c WHERE c.id = old.id;
END;
CREATE TRIGGER conversations_titles_before BEFORE UPDATE OF title, visibility ON conversations_conversation
WHEN old.title <> new.title OR old.visibility <> new.visibility BEGIN
  INSERT INTO conversations_titles (conversations_titles, rowid, place, content)
  SELECT 'delete', c.id, {PLACE}, c.title FROM conversations_conversation c WHERE c.id = old.id;
END;
CREATE TRIGGER conversations_titles_after AFTER UPDATE OF title, visibility ON conversations_conversation
WHEN old.title <> new.title OR old.visibility <> new.visibility BEGIN
  INSERT INTO conversations_titles (rowid, place, content)
  SELECT c.id, {PLACE}, c.title FROM conversations_conversation c WHERE c.id = new.id;
END;

CREATE TRIGGER conversations_words_hide BEFORE UPDATE OF visibility ON conversations_conversation
WHEN old.visibility <> new.visibility BEGIN
  INSERT INTO conversations_words (conversations_words, rowid, place, content)
  SELECT 'delete', m.id, {PLACE}, m.content
  FROM conversations_message m JOIN conversations_conversation c ON c.id = m.conversation_id
  WHERE c.id = old.id AND m.status <> 'generating' AND m.content <> '';
END;
CREATE TRIGGER conversations_words_show AFTER UPDATE OF visibility ON conversations_conversation
WHEN old.visibility <> new.visibility BEGIN
  INSERT INTO conversations_words (rowid, place, content)
  SELECT m.id, {PLACE}, m.content
  FROM conversations_message m JOIN conversations_conversation c ON c.id = m.conversation_id
  WHERE c.id = new.id AND m.status <> 'generating' AND m.content <> '';
END;

INSERT INTO conversations_words (rowid, place, content)
  SELECT m.id, {PLACE}, m.content
  FROM conversations_message m JOIN conversations_conversation c ON c.id = m.conversation_id
  WHERE m.status <> 'generating' AND m.content <> '';
INSERT INTO conversations_titles (rowid, place, content)
  SELECT c.id, {PLACE}, c.title FROM conversations_conversation c;
"""  # noqa: S608 - our own words alone
SQLITE_BACK = """
DROP TRIGGER IF EXISTS conversations_words_insert;
DROP TRIGGER IF EXISTS conversations_words_delete;
DROP TRIGGER IF EXISTS conversations_words_update;
DROP TRIGGER IF EXISTS conversations_titles_insert;
DROP TRIGGER IF EXISTS conversations_titles_delete;
DROP TRIGGER IF EXISTS conversations_titles_before;
DROP TRIGGER IF EXISTS conversations_titles_after;
DROP TRIGGER IF EXISTS conversations_words_hide;
DROP TRIGGER IF EXISTS conversations_words_show;
DROP TABLE IF EXISTS conversations_words;
DROP TABLE IF EXISTS conversations_titles;
"""

# Letters and digits of whatever language in small, accents off, everything else a blank: what FTS5 makes of a text.
# A tsvector holds a megabyte at most, hence `left`, again once letters are taken apart: a Korean one becomes three.
POSTGRES = """
CREATE OR REPLACE FUNCTION conversations_fold(text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $fold$
  SELECT regexp_replace(
    regexp_replace(
      left(normalize(lower(left($1, 200000) COLLATE {collation}), NFD), 200000),
      U&'[\\0300-\\036F]+', '', 'g'
    ) COLLATE {collation}, '[^[:alnum:]]+', ' ', 'g')
$fold$;
ALTER TABLE conversations_message ADD COLUMN words tsvector GENERATED ALWAYS AS (
  CASE WHEN status = 'generating' THEN NULL
       ELSE to_tsvector('simple'::regconfig, conversations_fold(content)) END
) STORED;
ALTER TABLE conversations_conversation ADD COLUMN words tsvector GENERATED ALWAYS AS (
  to_tsvector('simple'::regconfig, conversations_fold(title))
) STORED;
CREATE INDEX conversations_message_words ON conversations_message USING gin (words)
  WHERE words IS NOT NULL;
CREATE INDEX conversations_title_words ON conversations_conversation USING gin (words);
"""
POSTGRES_BACK = """
ALTER TABLE conversations_message DROP COLUMN words;
ALTER TABLE conversations_conversation DROP COLUMN words;
DROP FUNCTION conversations_fold(text);
"""
COLLATIONS = ("pg_c_utf8", "und-x-icu", "default")
"""That know the letters of all languages; the first there is. Some servers are made without any."""


def install(connection):
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            _run_script(cursor, SQLITE)
        else:
            cursor.execute(
                "SELECT collname FROM pg_collation WHERE collname = ANY(%s)", [list(COLLATIONS)]
            )
            known = {name for (name,) in cursor.fetchall()}
            collation = next(name for name in COLLATIONS if name in known)
            cursor.execute(POSTGRES.replace("{collation}", f'"{collation}"'))


def remove(connection):
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            _run_script(cursor, SQLITE_BACK)
        else:
            cursor.execute(POSTGRES_BACK)


def _run_script(cursor, script):
    """Statement by statement: `executescript` would end the migration's transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            cursor.execute(statement)
            statement = ""


class Migration(migrations.Migration):
    dependencies = [("conversations", "0001_conversations")]

    operations = [
        migrations.RunPython(
            lambda apps, schema: install(schema.connection),
            lambda apps, schema: remove(schema.connection),
        )
    ]

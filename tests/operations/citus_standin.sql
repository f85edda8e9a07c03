-- Stand-ins of what `distribute` calls of Citus, for a plain PostgreSQL: they move nothing. They refuse what Citus is
-- documented to refuse, and write down what they were asked for.

CREATE SCHEMA citus_standin;
SET search_path = public, citus_standin;

CREATE TABLE citus_standin.workers (nodename text, nodeport int);
CREATE TABLE citus_standin.asked (
    number bigint GENERATED ALWAYS AS IDENTITY, done text, relation regclass, by_column text, beside text, shards int
);
CREATE TABLE citus_standin.pg_dist_partition (logicalrelid regclass, partmethod "char", repmodel "char", by_column text);

CREATE FUNCTION citus_standin.citus_get_active_worker_nodes() RETURNS SETOF citus_standin.workers LANGUAGE sql
    AS 'SELECT * FROM citus_standin.workers';

CREATE FUNCTION citus_standin.is_distributed(table_name oid) RETURNS boolean LANGUAGE sql
    AS $$ SELECT EXISTS (SELECT FROM citus_standin.pg_dist_partition WHERE logicalrelid = table_name AND partmethod = 'h') $$;

CREATE FUNCTION citus_standin.is_everywhere(table_name oid) RETURNS boolean LANGUAGE sql
    AS $$ SELECT EXISTS (SELECT FROM citus_standin.pg_dist_partition WHERE logicalrelid = table_name AND partmethod = 'n') $$;

-- The number of the column that says where a row is.
CREATE FUNCTION citus_standin.place_of(table_name oid) RETURNS smallint LANGUAGE sql AS $$
    SELECT attnum FROM pg_attribute JOIN citus_standin.pg_dist_partition ON logicalrelid = attrelid AND attname = by_column
    WHERE attrelid = table_name $$;

CREATE FUNCTION citus_standin.refuse_keys_between_machines() RETURNS void LANGUAGE plpgsql AS $$
DECLARE key record;
BEGIN
    FOR key IN SELECT conname, conrelid, confrelid, conkey, confkey FROM pg_constraint WHERE contype = 'f' LOOP
        IF is_distributed(key.confrelid) AND NOT is_distributed(key.conrelid) THEN
            RAISE '%: foreign keys from reference tables and local tables to distributed tables are not supported',
                key.conname;
        ELSIF is_distributed(key.conrelid) AND NOT (is_distributed(key.confrelid) OR is_everywhere(key.confrelid)) THEN
            RAISE '%: a distributed table points to a local one', key.conname;
        ELSIF is_distributed(key.confrelid) AND array_position(key.conkey, place_of(key.conrelid))
            IS DISTINCT FROM array_position(key.confkey, place_of(key.confrelid)) THEN
            RAISE '%: the foreign key does not hold the column of distribution', key.conname;
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION citus_standin.create_reference_table(table_name regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = table_name AND NOT tgisinternal) THEN
        RAISE 'triggers are not supported on reference tables';
    END IF;
    INSERT INTO pg_dist_partition VALUES (table_name, 'n', 't');
    INSERT INTO asked (done, relation) VALUES ('everywhere', table_name);
    PERFORM refuse_keys_between_machines();
END $$;

CREATE FUNCTION citus_standin.create_distributed_table(
    table_name regclass, distribution_column text, distribution_type text DEFAULT 'hash',
    colocate_with text DEFAULT 'default', shard_count int DEFAULT NULL
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('citus.enable_unsafe_triggers', true) IS DISTINCT FROM 'on'
        AND EXISTS (SELECT FROM pg_trigger WHERE tgrelid = table_name AND NOT tgisinternal) THEN
        RAISE 'cannot distribute relation % because it has triggers', table_name;
    END IF;
    INSERT INTO pg_dist_partition VALUES (table_name, 'h', 's', distribution_column);
    IF EXISTS (
        SELECT FROM pg_index WHERE indrelid = table_name AND indisunique AND NOT place_of(table_name) = ANY (indkey)
    ) THEN
        RAISE 'a unique key of % does not hold the column of distribution', table_name;
    END IF;
    INSERT INTO asked (done, relation, by_column, beside, shards)
    VALUES ('spread', table_name, distribution_column, colocate_with, shard_count);
    PERFORM refuse_keys_between_machines();
END $$;

-- Citus copies the rows before; here the only ones stay.
CREATE FUNCTION citus_standin.truncate_local_data_after_distributing_table(table_name regclass) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = table_name AND tgtype & 32 > 0) THEN
        RAISE 'a trigger refuses to empty %', table_name;
    ELSIF EXISTS (SELECT FROM pg_constraint WHERE confrelid = table_name AND contype = 'f') THEN
        RAISE '% cannot be emptied: a table points to it', table_name;
    END IF;
    INSERT INTO asked (done, relation) VALUES ('emptied', table_name);
END $$;

CREATE FUNCTION citus_standin.look_at_keys() RETURNS event_trigger LANGUAGE plpgsql
    AS 'BEGIN PERFORM citus_standin.refuse_keys_between_machines(); END';
CREATE EVENT TRIGGER citus_standin ON ddl_command_end WHEN TAG IN ('ALTER TABLE', 'CREATE TABLE')
    EXECUTE FUNCTION citus_standin.look_at_keys();

GRANT USAGE ON SCHEMA citus_standin TO PUBLIC;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA citus_standin TO PUBLIC;

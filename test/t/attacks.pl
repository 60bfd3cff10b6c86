# What an attacker may try: cursors, ids, names, types, policies and messages. docs/security.md says what comes of it.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Roles;
use Test::More;
use WireClient;

start_roles('attacks');

# ---- Cursors

sub refused { return like(ask('ann', "SELECT txsync.fetch_changes($_[0])"), qr/\ATX/, $_[1]) }

subtest 'cursors' => sub {
	my $cursor = page('ann', 'start', ', 2')->{cursor};
	my $taken = 0;
	foreach my $at (0 .. length($cursor) - 1)
	{
		my $byte = substr $cursor, $at, 1;
		foreach my $other (grep { $_ ne $byte } 'A' .. 'B', '_', chr(ord($byte) ^ 1), chr(ord($byte) ^ 2))
		{
			next if $other !~ /[\w-]/;
			my $answer = ask('ann', "SELECT txsync.fetch_changes('" . substr($cursor, 0, $at) . $other . substr($cursor, $at + 1) . "')");
			$taken++ if $answer !~ /\ATX/;
			diag("byte $at, $byte for $other: $answer") if $answer !~ /\ATX/ && $taken < 4;
		}
	}
	is($taken, 0, 'each character counts');
	refused("'" . substr($cursor, 0, $_) . "'", "of $_ characters") foreach 0, 1, 4, length($cursor) - 4, length($cursor) - 1;
	refused("'$cursor$_'", "with $_ at its end") foreach 'A', 'AAAA', '=', '.', 'é';
	refused("' $cursor'", 'with a space');
	refused("'$_'", "<$_>") foreach '-1', '+1', '1.0', '1e3', '0x1', ' 1', '1 ', '99999999999999999999', '9223372036854775807', '9223372036854775808', 'Start', 'NOW', "\xef\xbc\x91";
	refused("repeat('A', 1000000)", 'a megabyte');
	like(ask('ann', 'SELECT txsync.fetch_changes(NULL)'), qr/\A(?:22004|TX)/, 'null');
	my $of_cyd = page('cyd', 'start', ', 1')->{cursor};
	is($json->encode([ grep { $_->{data} && ($_->{organizationId} // '') eq 'B' && $_->{entityType} eq 'docs' } @{ page('ann', $of_cyd, ', 1000')->{changes} } ]), '[]', 'the cursor of another shows nothing of his');

	get('keeper', q{INSERT INTO docs SELECT 'z' || g, 'A' FROM generate_series(1, 5) g});
	my $next = $json->decode(get('ann', q{SELECT txsync.snapshot('docs', NULL, 2)}))->{next};
	refused("'$next'", 'the next of a snapshot is no cursor');
	like(ask('ann', "SELECT txsync.snapshot('docs', '$cursor')"), qr/\A(?:TX|22023)/, 'a cursor is no next of a snapshot');
	like(ask('ann', "SELECT txsync.snapshot('parts', '$next')"), qr/\A(?:TX|22023)/, 'nor is the next of another type\'s');
	like(ask('ann', "SELECT txsync.snapshot('docs', '" . ($next =~ s/(.)\z/$1 eq 'A' ? 'B' : 'A'/er) . "')"), qr/\A(?:TX|22023)/, 'nor one that was changed');
	like(ask('bob', "SELECT txsync.snapshot('docs', '$next')"), qr/"entities": \[\]|\A(?:TX|22023)/, 'with that of another a reader sees no more');
	foreach my $max (0, -1, 1001, 2147483647)
	{
		like(ask('ann', "SELECT txsync.fetch_changes('start', $max)"), qr/\A22023 /, "max $max");
	}
	like(ask('ann', q{SELECT txsync.fetch_changes('start', 1, '{nothing}')}), qr/\ATX011 /, 'an unknown entity type');
};

# ---- Ids of others

subtest 'a guessed transactionId' => sub {
	get('keeper', q{INSERT INTO docs VALUES ('guessed', 'A')});
	get('keeper', 'GRANT INSERT, UPDATE ON docs TO ann, bob');
	my $tx = q{'{"transactionId": "of ann", "sourceId": "s"}'};
	get('ann', "BEGIN; SELECT txsync.begin_mutation($tx, 'docs', 'guessed'); UPDATE docs SET n = 7 WHERE id = 'guessed'; SELECT txsync.finish_mutation('\"for ann\"'); COMMIT");
	is(get('ann', q{SELECT txsync.get_entity_by_transaction('of ann')}), '{"entityId": "guessed", "entityType": "docs"}', 'its own');
	is(get($_, q{SELECT txsync.get_entity_by_transaction('of ann')}), undef, "not for $_") foreach qw(bob nobody mallory);
	is(get('nobody', q{SELECT txsync.is_transaction_processed('of ann')}), 't', 'that it was is told to everybody');
	foreach my $role (qw(bob nobody postgres))
	{
		like(ask($role, "SELECT txsync.begin_mutation($tx, 'docs', 'guessed')"), qr/\ATX004 /, "a mismatch for $role");
		unlike(ask($role, "SELECT txsync.begin_mutation($tx, 'docs', 'guessed')"), qr/for ann/, 'without its result');
	}
	unlike(ask('bob', q{SELECT txsync.apply_ops('[{"transactionId": "of ann", "sourceId": "s", "entityType": "docs", "entityId": "guessed", "action": "update", "changedField": "n", "value": 8}]')}), qr/"status": "(?:applied|duplicate)"/, 'nor by ops');
};

# ---- Names of an attacker

# Each of our functions, with arguments that take it far.
my %calls = (
	'annotate(jsonb)' => q{'{"a": 1}'},
	'apply_ops(jsonb,jsonb)' => q{'[{"transactionId": "path 1", "sourceId": "s", "entityType": "docs", "entityId": "path", "action": "update", "changedField": "a", "value": "x", "streamOffset": 100000}]', '{}'},
	'backfill(regclass)' => q{'evil.mine_too'},
	'backfill_piece(regclass,boolean)' => q{'evil.mine_too', true},
	'begin_mutation(jsonb,text,text,jsonb)' => q{'{"transactionId": "path 2", "sourceId": "s", "changedField": "a"}', 'docs', 'path', '{}'},
	'changes(text,integer,text[],text[],boolean)' => q{'start', 10, '{docs,plain}', '{A}', true},
	'check_field_conflict(text,text,text,text)' => q{'docs', 'path', 'a', 'x'},
	'compare_transaction_ids(text,text)' => q{'1700000000000.0001.a', '1700000000000.0002.a'},
	'consume(text,integer,interval)' => q{'path', 10, '1 s'},
	'ack(text,bigint[])' => q{'path', '{1}'},
	'nack(text,bigint[],interval,text)' => q{'path', '{1}', '1 s', 'x'},
	'drop_consumer(text)' => q{'path'},
	'replay(text,bigint[])' => q{'path', '{1}'},
	'create_transaction_id(text)' => q{'a'},
	'end_mutation()' => '',
	'fetch_changes(text,integer,text[],text[],boolean)' => q{'start', 10, '{docs,plain,pairs,masked,parts}', '{A,B}', true},
	'field_versions(text,text)' => q{'docs', 'path'},
	'finish_mutation(jsonb)' => q{'{}'},
	'get_entities(jsonb)' => q{'[{"entityType": "docs", "entityId": "path"}, {"entityType": "plain", "entityId": "1"}]'},
	'get_entity_by_transaction(text)' => q{'of ann'},
	'hlc_now()' => '',
	'hlc_observe(text)' => q{'1700000000000.0001.a'},
	'is_transaction_processed(text)' => q{'of ann'},
	'mutate(jsonb)' => q{'{"transactionId": "path 3", "sourceId": "s", "entityType": "docs", "entityId": "path", "action": "update", "changedField": "a", "value": "x"}'},
	'mutation_day(text)' => q{'1700000000000.0001.a'},
	'parse_transaction_id(text)' => q{'1700000000000.0001.a'},
	'reshare(text,text[])' => q{'mine too', '{1}'},
	'snapshot(text,text,integer)' => q{'docs', NULL, 1},
	'squash_ops(jsonb)' => q{'[]'},
	'sync(text,jsonb,jsonb)' => q{'start', '[]', '{}'},
	'verified(regclass)' => q{'evil.mine_too'},
	'verify(regclass,jsonb)' => q{'evil.mine_too', NULL},
	'verify_piece(regclass,boolean)' => q{'evil.mine_too', true},
	'tracking(bytea)' => q{'\x00'},
	'track(regclass,text,name,name,boolean,name[],name[],jsonb,text,regprocedure)' => q{'evil.mine_too'},
	'untrack(regclass,boolean)' => q{'evil.mine_too'},
	'capture_worker()' => '',
	'compact_changelog(interval,jsonb)' => q{'1 s', NULL},
	'create_consumer(text,jsonb,text,integer)' => q{'path of ours', '{"entityTypes": ["docs"], "organizations": ["A"]}', 'start'},
	'doctor()' => '',
	'emit(text,text,jsonb)' => q{'topic', 'key', '{}'},
	'findings()' => '',
	'health()' => '',
	'pause()' => '',
	'reset_capture(boolean)' => 'true',
	'resume()' => '',
	'status()' => '',
	'wait_captured(pg_lsn,interval)' => q{'0/1', '1 s'},
	'wake_capture()' => '',
);

sub heard { return $json->encode(rows('postgres', 'SELECT DISTINCT who, what FROM evil.heard ORDER BY 1, 2')) }

subtest 'search_path' => sub {
	$node->safe_psql('postgres', slurp_file("$FindBin::RealBin/attacks.sql"));
	my @ours = map { $_->[0] } @{ rows('postgres', q{SELECT p.oid::regprocedure::text FROM pg_proc p WHERE pronamespace = 'txsync'::regnamespace AND prokind IN ('f', 'p')
		AND proname !~ '^hlc' AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype) OR oid = 'txsync.hlc_now()'::regprocedure ORDER BY proname IN ('pause', 'reset_capture', 'resume'), proname = 'drop_consumer', proname = 'untrack', 1}) };
	get('keeper', q{INSERT INTO docs VALUES ('path', 'A')});
	get('postgres', 'GRANT ALL ON docs, plain TO guy; GRANT EXECUTE ON FUNCTION txsync.create_consumer TO guy');
	captured();
	get('postgres', 'DELETE FROM evil.heard');
	foreach my $role (qw(guy postgres))
	{
		my $victim = WireClient->new($node, user => $role, options => '-c search_path=evil,pg_temp,pg_catalog,public -c client_min_messages=error -c txsync.empty_mutation=off');
		get($role, q{SELECT txsync.create_consumer('path', '{}', 'start')});
		get($role, q{CREATE TABLE evil.mine_too (id int PRIMARY KEY); SELECT txsync.track('evil.mine_too', 'mine too')});
		$victim->query("SELECT pg_catalog.set_config('search_path', 'pg_catalog', false); CREATE TEMP TABLE $_ (id int); SELECT pg_catalog.set_config('search_path', 'evil,pg_temp,pg_catalog,public', false)") foreach qw(activity capture_state entities mutation tombstone secret consumer delivery pg_class pg_proc);
		foreach my $function (map { s/\Atxsync\.//r } @ours)
		{
			my $arguments = $calls{$function};
			ok(defined $arguments, "$function is known here") or next;
			my $call = $function =~ /\A(?:backfill|verify|compact_changelog)\(/ ? 'CALL' : 'SELECT * FROM';
			$arguments =~ s/"path (\d)"/"path $1 of $role"/; # an id of its own
			my $answer = $victim->query("$call txsync." . ($function =~ s/\(.*//r) . "($arguments)");
			note("$role: $function: $answer->{error} $answer->{message}") if $answer->{error};
		}
		$victim->drop;
		get($role, 'DROP TABLE evil.mine_too');
	}
	$db->wait_for_state('streaming');
	is(heard(), '[]', 'nothing of the attacker\'s was called');
	is(get('postgres', 'SELECT is_called FROM evil.calls'), 'f', 'not even in vain');
	get('postgres', 'DROP SCHEMA evil CASCADE; CREATE SCHEMA evil AUTHORIZATION mallory; GRANT ALL ON SCHEMA evil TO PUBLIC');
};

# ---- Types, policies and messages of an attacker

subtest 'a policy and a delete_visible of an attacker' => sub {
	get('mallory', <<'SQL');
CREATE TABLE evil.heard (who name, what text);
GRANT INSERT ON evil.heard TO PUBLIC;
CREATE FUNCTION evil.hear(what text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO evil.heard VALUES (current_user, what); RETURN true; END $$;
CREATE FUNCTION evil.told(entity_id text, org_id text) RETURNS boolean LANGUAGE sql AS $$ SELECT evil.hear('delete_visible') $$;
CREATE TABLE evil.trap (id int PRIMARY KEY, org_id text);
ALTER TABLE evil.trap ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON evil.trap USING (evil.hear('policy'));
GRANT SELECT ON evil.trap TO PUBLIC;
SELECT txsync.track('evil.trap', delete_visible => 'evil.told(text, text)');
INSERT INTO evil.trap VALUES (1, 'A'), (2, 'A');
DELETE FROM evil.trap WHERE id = 2;
SQL
	captured();
	get('postgres', 'DELETE FROM evil.heard');
	get($_, q{SELECT txsync.fetch_changes('start', 1000)}) foreach qw(postgres mallory);
	get('ann', q{SELECT txsync.fetch_changes('start', 1000, '{docs,plain}')});
	get('ann', q{SELECT txsync.snapshot('docs')});
	is(heard(), '[]', 'is called for no superuser, nor for those who ask for other types');
	get('ann', q{SELECT txsync.fetch_changes('start', 1000)});
	is(heard(), '[["ann","delete_visible"],["ann","policy"]]', 'is called as the reader, never as anybody else');
	get('mallory', q{SELECT txsync.untrack('evil.trap')});
};

subtest 'messages of an attacker' => sub {
	get('keeper', q{INSERT INTO docs VALUES ('forged', 'A', 'a')});
	captured();
	my $last = get('postgres', 'SELECT max(id) FROM txsync.activity');
	my $docs = get('postgres', q{SELECT 'docs'::regclass::oid});
	my $field = sub { return length($_[0]) . ":$_[0]" };
	my @bodies = ('', 'x', $field->('topic') . $field->('key') . $field->('{"forged": true}'), $field->('topic') . $field->('key') . $field->('{}') . $field->('x' x 32),
		"$docs:" . $field->('forged') . $field->('A'), $field->('docs') . '1:' . $field->('forged') . $field->('A'), $field->('docs') . $field->('forged') . $field->('B'), "$docs:1:" . $field->('forged') . '-');
	foreach my $version (1, 2)
	{
		foreach my $kind ('A' .. 'Z', 'a' .. 'z')
		{
			foreach my $transactional (qw(true false))
			{
				get('mallory', "SELECT pg_logical_emit_message($transactional, 'txsync', \$m\$$version$kind$_\$m\$)") foreach @bodies;
			}
		}
	}
	captured();
	is(get('postgres', "SELECT string_agg(DISTINCT action, ' ') FROM txsync.activity WHERE id > $last AND action <> 'visibility'"), undef, 'make no activity but that readers look again');
	is(get('keeper', q{SELECT a FROM docs WHERE id = 'forged'}), 'a', 'the row is as it was');
	$db->wait_for_state('streaming');
};

# ---- What is closed

# Whoever gets hold of what the WAL has cannot use it again.
subtest 'messages that are sent again' => sub {
	get('postgres', q{SELECT pg_create_logical_replication_slot('spy', 'test_decoding')});
	get('keeper', q{CREATE TABLE early (id int PRIMARY KEY, org_id text); INSERT INTO early VALUES (1, 'A')});
	get('keeper', q{SELECT txsync.track('early')});
	get('keeper', q{CALL txsync.backfill('early')});
	get('postgres', q{SELECT txsync.emit('news', 'once', '{"paid": 1}')});
	get('keeper', 'DELETE FROM early');
	captured();
	is(get('postgres', q{SELECT string_agg(action, ' ' ORDER BY id) FROM txsync.activity WHERE entity_type IN ('early', 'news')}), 'create event delete', 'what is true');
	my @messages = map { $_->[0] } @{ rows('postgres', q{SELECT encode(substring(data FROM position('content:'::bytea IN data) + 8), 'hex') FROM pg_logical_slot_peek_binary_changes('spy', NULL, NULL) WHERE position('prefix: txsync'::bytea IN data) > 0}) };
	cmp_ok(scalar @messages, '>=', 2, 'messages were seen');
	foreach my $message (@messages)
	{
		get('mallory', "SELECT pg_logical_emit_message($_, 'txsync', decode('$message', 'hex'))") foreach qw(true false);
	}
	captured();
	is(get('postgres', q{SELECT string_agg(action, ' ' ORDER BY id) FROM txsync.activity WHERE entity_type IN ('early', 'news')}), 'create event delete', 'and nothing else is told');
	get('postgres', q{SELECT pg_drop_replication_slot('spy')});
};

subtest 'what is closed' => sub {
	foreach my $call (q{SELECT txsync.track('docs')}, q{SELECT txsync.untrack('docs')}, q{SELECT txsync.reshare('docs', '{x}')}, q{CALL txsync.backfill('docs')}, q{CALL txsync.verify('docs')}, q{SELECT txsync.backfill_piece('docs', true)},
		q{SELECT txsync.verify_piece('docs', true)}, q{SELECT txsync.verified('docs')})
	{
		like(ask($_, $call), qr/\A42501 /, "$call is not for $_") foreach qw(ann nobody);
	}
	get('postgres', q{SELECT txsync.create_consumer('of boss')});
	like(ask('ann', "SELECT txsync.$_"), qr/\A(?:42501|42704) /, "$_ is for members of its creator's role") foreach q{consume('of boss')}, q{ack('of boss', '{1}')}, q{nack('of boss', '{1}')}, q{replay('of boss', '{1}')}, q{drop_consumer('of boss')};
	is(get('ann', 'SELECT count(*) FROM txsync.consumers'), '0', 'nobody sees the consumers of others');
	my $open = join "\n", map { $_->[0] } @{ rows('postgres', q{
		SELECT c.oid::regclass || ' ' || p FROM pg_class c, unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) p
		WHERE relnamespace = 'txsync'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f') AND (has_table_privilege('nobody', c.oid, p) OR p IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') AND has_any_column_privilege('nobody', c.oid, p))
		UNION ALL SELECT c.oid::regclass || ' ' || p FROM pg_class c, unnest('{USAGE,SELECT,UPDATE}'::text[]) p WHERE relnamespace = 'txsync'::regnamespace AND relkind = 'S' AND has_sequence_privilege('nobody', c.oid, p) ORDER BY 1}) };
	is($open, "txsync.consumers SELECT\ntxsync.dead_letters SELECT\ntxsync.entities SELECT\ntxsync.progress_backfill SELECT", 'of our relations everybody reads these');
	like(ask('nobody', 'SELECT * FROM txsync.activity'), qr/\A42501 /, 'activity');
	like(ask('nobody', 'SELECT * FROM txsync.activity_0'), qr/\A42501 |\A42P01 /, 'its partitions');
	like(ask('nobody', 'SELECT key FROM txsync.secret'), qr/\A42501 /, 'secret');
	my $closed = join "\n", map { $_->[0] } @{ rows('postgres', q{SELECT proname FROM pg_proc p WHERE pronamespace = 'txsync'::regnamespace AND NOT has_function_privilege('nobody', oid, 'EXECUTE') ORDER BY 1}) };
	note($closed);
	like($closed, qr/^$_$/m, "$_() is not for everybody") foreach qw(compact_changelog create_consumer doctor emit health pause reset_capture resume status wait_captured);
	my $elevated = join "\n", map { $_->[0] } @{ rows('postgres', q{SELECT p.oid::regprocedure FROM pg_proc p WHERE pronamespace = 'txsync'::regnamespace AND prosecdef
		AND (has_function_privilege('nobody', oid, 'EXECUTE') OR NOT coalesce(array_to_string(proconfig, ' ') ~ 'search_path=pg_catalog, pg_temp', false)) ORDER BY 1}) };
	is($elevated, '', 'no SECURITY DEFINER function is for everybody, and each has its search_path');
};

# A function that costs nothing is called before all else, unless the view keeps it from that.
subtest 'a leaky function in a filter' => sub {
	get('keeper', q{CREATE TABLE quiet (id int PRIMARY KEY); INSERT INTO quiet VALUES (1)});
	get('keeper', q{SELECT txsync.track('quiet')});
	captured();
	get('keeper', q{CALL txsync.backfill('quiet')});
	get('postgres', q{SELECT txsync.create_consumer('quiet', max_attempts => 1)});
	get('keeper', 'INSERT INTO quiet VALUES (2)');
	captured();
	get('postgres', q{SELECT txsync.nack('quiet', ARRAY(SELECT delivery_id FROM txsync.consume('quiet')))});
	get('mallory', 'CREATE TABLE evil.mine (id int)');
	get('mallory', q{CREATE FUNCTION evil.look(what text) RETURNS boolean LANGUAGE plpgsql COST 0.000001 AS $$ BEGIN PERFORM evil.hear(what); RETURN true; END $$});
	my %column_of = (consumers => 'name', dead_letters => 'consumer', progress_backfill => 'entity_type');
	get('postgres', 'DELETE FROM evil.heard');
	foreach my $join (qw(hashjoin mergejoin nestloop))
	{
		get('mallory', "SET enable_$_ = " . ($_ eq $join ? 'on' : 'off')) foreach qw(hashjoin mergejoin nestloop);
		is(get('mallory', "SELECT count(*) FROM txsync.$_ WHERE evil.look($column_of{$_})"), '0', "$_ by $join: nothing") foreach sort keys %column_of;
	}
	is(heard(), '[]', 'nor does it hear of any');
	isnt(get('postgres', 'SELECT count(*) FROM txsync.dead_letters'), '0', 'though there is something');
	get('postgres', q{SELECT txsync.drop_consumer('quiet')});
};

subtest 'types of an attacker' => sub {
	get('mallory', <<'SQL');
CREATE TYPE evil.mood AS ENUM ('glad', 'sad');
CREATE TYPE evil.pair AS (x int, y int);
CREATE DOMAIN evil.word AS text CHECK (evil.hear('domain'));
CREATE DOMAIN evil.temper AS evil.mood;
CREATE TYPE evil.nest AS (m evil.mood, n evil.pair[]);
CREATE FUNCTION evil.to_json(evil.mood) RETURNS json LANGUAGE sql AS $$ SELECT to_json(evil.hear('cast of mood to json')) $$;
CREATE FUNCTION evil.to_json(evil.pair) RETURNS json LANGUAGE sql AS $$ SELECT to_json(evil.hear('cast of pair to json')) $$;
CREATE FUNCTION evil.to_text(evil.mood) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.hear('cast of mood to text'); RETURN enum_out($1); END $$;
CREATE FUNCTION evil.to_text(evil.pair) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.hear('cast of pair to text'); RETURN 'x'; END $$;
CREATE FUNCTION evil.to_mood(text) RETURNS evil.mood LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.hear('cast of text to mood'); RETURN enum_in($1::cstring, 'evil.mood'::regtype); END $$;
CREATE CAST (evil.mood AS json) WITH FUNCTION evil.to_json(evil.mood);
CREATE CAST (evil.pair AS json) WITH FUNCTION evil.to_json(evil.pair);
CREATE CAST (evil.mood AS text) WITH FUNCTION evil.to_text(evil.mood) AS IMPLICIT;
CREATE CAST (evil.pair AS text) WITH FUNCTION evil.to_text(evil.pair) AS IMPLICIT;
CREATE CAST (text AS evil.mood) WITH FUNCTION evil.to_mood(text) AS IMPLICIT;
CREATE FUNCTION evil.same(evil.mood, evil.mood) RETURNS boolean LANGUAGE sql AS $$ SELECT evil.hear('=') $$;
CREATE OPERATOR evil.= (LEFTARG = evil.mood, RIGHTARG = evil.mood, FUNCTION = evil.same);
CREATE TABLE evil.moods (id evil.mood PRIMARY KEY, org_id evil.word, m evil.mood, p evil.pair, ms evil.mood[], w evil.word, ws evil.word[]);
CREATE TABLE evil.nested (id int PRIMARY KEY, r evil.nest, rs evil.nest[], t evil.temper);
CREATE TABLE evil.words (id evil.word PRIMARY KEY, org_id evil.mood, m evil.mood);
CREATE TABLE evil.two (a evil.word, b evil.mood, org_id text, PRIMARY KEY (a, b));
GRANT SELECT ON evil.moods, evil.words, evil.two, evil.nested TO PUBLIC;
INSERT INTO evil.moods VALUES ('glad', 'A', 'sad', '(1,2)', '{sad}', 'w', '{w}');
INSERT INTO evil.words VALUES ('one', 'sad', 'sad');
INSERT INTO evil.two VALUES ('one', 'sad', 'A');
INSERT INTO evil.nested VALUES (1, '(sad,"{""(1,2)""}")', ARRAY['(sad,)'::evil.nest], 'sad');
SELECT txsync.track('evil.moods'), txsync.track('evil.words'), txsync.track('evil.two'), txsync.track('evil.nested');
UPDATE evil.nested SET t = 'glad';
UPDATE evil.moods SET m = 'glad';
UPDATE evil.words SET m = 'glad';
UPDATE evil.two SET org_id = 'B';
SQL
	captured();
	get('postgres', 'DELETE FROM evil.heard');
	foreach my $role (qw(postgres nobody))
	{
		my @answers = map { ask($role, "SELECT txsync.$_") } q{fetch_changes('start', 1000)}, q{fetch_changes('start', 1000, '{moods,words,two,nested}', '{A,B,sad}', true)}, q{fetch_changes('start', 1000, '{nested}')},
			q{get_entities('[{"entityType": "moods", "entityId": "glad"}, {"entityType": "words", "entityId": "one"}, {"entityType": "two", "entityId": "[\"one\",\"sad\"]"}, {"entityType": "nested", "entityId": "1"}]')},
			q{get_entities('[{"entityType": "moods", "entityId": "none"}]')}, map { ("snapshot('$_')", "snapshot('$_', NULL, 1)") } qw(moods words two nested);
		# An id of theirs cannot be looked up where they have made two operators fit: that is the problem of who asks for it.
		is(join("\n", grep { $_ !~ /\A(?:[{[]|42725 operator is not unique: evil.mood)/ } @answers), '', "nothing else fails for $role");
		like($answers[0], qr/\A\{/, "above all not the reading of all types for $role");
	}
	is(heard(), '[]', 'nothing of the attacker\'s was called');
	my %told = map { $_->{data} ? ($_->{entityType} => $_->{data}) : () } @{ page('nobody', 'start', ', 1000')->{changes} };
	is_deeply([ grep { /words|nested/ } sort keys %told ], [qw(nested words)], 'yet these are told');
	is($told{words}{m}, 'glad', 'as they are');
};

# Reading such an id would check a domain: code of its owner. track() takes none, but a table can come to have one.
subtest 'domains of an attacker within the type of an id' => sub {
	get('mallory', <<'SQL');
CREATE DOMAIN evil.low AS int CHECK (evil.hear('domain within'));
CREATE TYPE evil.span AS RANGE (SUBTYPE = evil.low, MULTIRANGE_TYPE_NAME = evil.spans);
CREATE TYPE evil.point AS (x evil.low, y int);
CREATE TABLE evil.by_span (id int PRIMARY KEY);
CREATE TABLE evil.by_spans (id int PRIMARY KEY);
CREATE TABLE evil.by_point (id int PRIMARY KEY);
CREATE TABLE evil.by_list (id int PRIMARY KEY);
SELECT txsync.track('evil.by_span'), txsync.track('evil.by_spans'), txsync.track('evil.by_point'), txsync.track('evil.by_list');
ALTER TABLE evil.by_span ALTER id TYPE evil.span USING evil.span(id, id + 1);
ALTER TABLE evil.by_spans ALTER id TYPE evil.spans USING evil.spans(evil.span(id, id + 1));
ALTER TABLE evil.by_point ALTER id TYPE evil.point USING ROW(id, id)::evil.point;
ALTER TABLE evil.by_list ALTER id TYPE evil.low[] USING ARRAY[id];
INSERT INTO evil.by_span VALUES ('[1,2)');
INSERT INTO evil.by_spans VALUES ('{[1,2)}');
INSERT INTO evil.by_point VALUES ('(1,2)');
INSERT INTO evil.by_list VALUES ('{1}');
SQL
	captured();
	my %id_of = (by_span => '[1,2)', by_spans => '{[1,2)}', by_point => '(1,2)', by_list => '{1}');
	my @pointers = map { $json->encode([ { entityType => $_, entityId => $id_of{$_} } ]) } sort keys %id_of;
	get('postgres', 'DELETE FROM evil.heard');
	like(ask('postgres', q{SELECT txsync.fetch_changes('start', 1000)}), qr/\A\{/, 'the reading of all types');
	like(ask('postgres', "SELECT txsync.get_entities('$_')"), qr/\A(?:0A000|42)/, $_) foreach @pointers;
	ask('postgres', "SELECT txsync.snapshot('$_')"), ask('postgres', "CALL txsync.verify('evil.$_')"), ask('postgres', "CALL txsync.backfill('evil.$_')"), ask('postgres', "SELECT txsync.field_versions('$_', '$id_of{$_}')") foreach sort keys %id_of;
	is(heard(), '[]', 'calls nothing of the attacker\'s');
	like(ask('mallory', "SELECT txsync.track('evil.$_', '$_ again')"), qr/\A0A000 /, "track() does not take $_") foreach sort keys %id_of;
	get('mallory', 'DROP TABLE evil.by_span, evil.by_spans, evil.by_point, evil.by_list');
};

# What an installation gives by default is not given of ours; and who drops the extension does not keep others' slots from being read.
subtest 'default privileges, and a key that is gone' => sub {
	my $other = sub { return $node->safe_psql('given', $_[0]) };
	$node->safe_psql('postgres', 'CREATE DATABASE given');
	$other->('ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC, nobody; ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO nobody; ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO nobody');
	$other->(q{CREATE EXTENSION txsync; CREATE TABLE t (id int PRIMARY KEY); SELECT txsync.track('t')});
	$node->poll_query_until('given', q{SELECT state = 'streaming' FROM txsync.capture});
	$other->(q{SELECT pg_create_logical_replication_slot('others', 'txsync'); INSERT INTO t VALUES (1); SELECT txsync.emit('topic', 'key', '{}')});
	$node->poll_query_until('given', q{SELECT count(*) = 2 FROM txsync.activity});
	is($other->(q{SELECT string_agg(DISTINCT c.relname || ' ' || a.privilege_type, ', ') FROM pg_class c, aclexplode(c.relacl) a WHERE c.relnamespace = 'txsync'::regnamespace AND a.grantee <> c.relowner}),
		'consumers SELECT, dead_letters SELECT, entities SELECT, progress_backfill SELECT', 'tables');
	is($other->(q{SELECT count(*) FROM pg_proc p, aclexplode(p.proacl) a WHERE p.pronamespace = 'txsync'::regnamespace AND a.grantee NOT IN (0, p.proowner)}), 0, 'functions');
	$other->('DROP EXTENSION txsync; CHECKPOINT');
	like($other->(q{SELECT string_agg(data, ' ') FROM pg_logical_slot_get_changes('others', NULL, NULL)}), qr/\A\{[^ ]*"entityId":"1"[^ ]*\}\z/, 'the row is told, the event not any more');
	$other->(q{SELECT pg_drop_replication_slot('others')});
};

$node->stop;
done_testing();

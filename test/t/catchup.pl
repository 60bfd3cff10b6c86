# Catching up while others write: the recipe of docs/reference.md tells every change once and in order. And cursors over gaps, copies and promotions.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use CapturedDatabase;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WireClient;

my $node = CapturedDatabase->new_server('catchup', conf => 'hot_standby = on');

# A reader: what it was told, and the entities as that makes them.
package Reader
{
	sub new
	{
		my ($class, $db, %arguments) = @_;
		return bless { db => $db, cursor => 'start', told => [], entities => {}, dropped => 0, arguments => '', %arguments }, $class;
	}

	sub take
	{
		my ($self, $change) = @_;
		push @{ $self->{told} }, $change->{activityId};
		my ($type, $id) = @$change{qw(entityType entityId)};
		if ($change->{action} eq 'truncate')
		{
			delete $self->{entities}{$type};
		}
		elsif ($change->{data})
		{
			$self->{entities}{$type}{$id} = $change->{data};
		}
		else
		{
			delete $self->{entities}{$type}{$id};
		}
		return;
	}

	# All pages up to the last one.
	sub fetch
	{
		my ($self, $max) = @_;
		while (1)
		{
			my $page = JSON::PP::decode_json($self->{db}->sql("SELECT txsync.fetch_changes('$self->{cursor}', $max$self->{arguments})"));
			$self->take($_) foreach @{ $page->{changes} };
			$self->{cursor} = $page->{cursor};
			return if !$page->{hasMore};
		}
	}

	# What was heard since: what it has already is dropped, what is not told in full is fetched.
	sub hear
	{
		my ($self, @heard) = @_;
		foreach my $change (@heard)
		{
			if ($change->{activityId} <= ($self->{told}[-1] // 0))
			{
				$self->{dropped}++;
			}
			elsif ($change->{data} || ($change->{action} // '') =~ /\A(?:delete|truncate)\z/)
			{
				$self->take($change);
				$self->{cursor} = $change->{activityId};
			}
			else
			{
				$self->fetch(100);
			}
		}
		return;
	}
}

package main;

sub is_all_told
{
	my ($reader, $from, $name) = @_;
	my $all = $reader->{db}->sql("SELECT string_agg(id::text, ',' ORDER BY id) FROM txsync.activity WHERE id > $from AND action <> 'gap'");
	return is(join(',', @{ $reader->{told} }), $all, "$name: every change once and in order");
}

sub is_table
{
	my ($reader, $table, $name) = @_;
	my $rows = JSON::PP::decode_json($reader->{db}->sql("SELECT coalesce(jsonb_object_agg(id, to_jsonb(t) - '{tx,tx_versions}'::text[]), '{}') FROM $table t"));
	return is_deeply($reader->{entities}{$table} // {}, $rows, "$name: the entities are the table's");
}

subtest 'listen first, then fetch, then drop what one has' => sub {
	my $db = CapturedDatabase->create_bare($node, 'recipe');
	$db->sql(q{CREATE TABLE notes (id int PRIMARY KEY, n int, body text); SELECT txsync.track('notes', notify => 'full')});
	$db->wait_for_state('streaming');
	my @writers = map { WireClient->new($node, database => 'recipe') } 1 .. 3;
	# One lock in each transaction: they do not meet in a deadlock.
	my $writing = q{DO $$ BEGIN FOR i IN 1 .. 400 LOOP
		INSERT INTO notes VALUES (1 + random() * 30, i) ON CONFLICT (id) DO UPDATE SET n = EXCLUDED.n;
		COMMIT;
		DELETE FROM notes WHERE id = (SELECT 1 + (random() * 60)::int);
		COMMIT;
		IF i = 200 THEN TRUNCATE notes; COMMIT; END IF;
		PERFORM pg_sleep(0.002);
	END LOOP; END $$};
	$_->send($writing) foreach @writers;
	$db->poll_ok('SELECT count(*) > 50 FROM txsync.activity', 'others write');

	my $session = $db->psql;
	my $heard = sub { map { decode_json($_) } $session->query('SELECT 1') =~ /with payload "(.*)" received from/g };
	my $reader = Reader->new($db);
	$session->query_safe('LISTEN txsync_activities');
	$db->sql('INSERT INTO notes VALUES (-1, 0)');
	$db->captured_ok; # so at least this one is heard and fetched
	$reader->fetch(20);
	foreach (1 .. 5)
	{
		$reader->hear($heard->());
		$db->sql('SELECT pg_sleep(0.1)');
	}
	is($_->answer->{error}, undef, 'written') foreach @writers;
	$db->sql(q{INSERT INTO notes VALUES (-2, 0, repeat('too large for a notification', 300))});
	$db->captured_ok;
	$reader->hear($heard->());
	is_all_told($reader, 0, 'the recipe');
	is_table($reader, 'notes', 'the recipe');
	cmp_ok($reader->{dropped}, '>', 0, 'something came in both ways');
	$session->quit;
	$_->drop foreach @writers;
	$db->drop;
};

subtest 'only pages, and only the latest of each entity' => sub {
	my $db = CapturedDatabase->create_bare($node, 'paging');
	$db->sql(q{CREATE TABLE notes (id int PRIMARY KEY, n int); SELECT txsync.track('notes')});
	$db->wait_for_state('streaming');
	my $writer = WireClient->new($node, database => 'paging');
	$writer->send(q{DO $$ BEGIN FOR i IN 1 .. 500 LOOP
		INSERT INTO notes VALUES (1 + random() * 20, i) ON CONFLICT (id) DO UPDATE SET n = EXCLUDED.n;
		DELETE FROM notes WHERE id = 1 + (random() * 40)::int;
		COMMIT;
	END LOOP; END $$});
	my @readers = (Reader->new($db), Reader->new($db, arguments => ', latest => true'));
	foreach (1 .. 5)
	{
		$_->fetch(7) foreach @readers;
	}
	is($writer->answer->{error}, undef, 'written');
	$db->captured_ok;
	$_->fetch(7) foreach @readers;
	is_all_told($readers[0], 0, 'pages');
	is_table($readers[0], 'notes', 'pages');
	is_table($readers[1], 'notes', 'latest');
	my $late = Reader->new($db, arguments => ', latest => true');
	$late->fetch(7);
	is_table($late, 'notes', 'latest, when nobody writes');
	is(@{ $late->{told} }, $db->sql('SELECT count(DISTINCT entity_id) FROM txsync.activity'), 'one change for each entity');
	$writer->drop;
	$db->drop;
};

subtest 'a gap expires the cursors before it until it is healed' => sub {
	my $db = CapturedDatabase->create_captured($node, 'gaps');
	my $reader = Reader->new($db);
	$reader->fetch(5);
	my $before = $reader->{cursor};
	my $slot = $db->pause;
	$db->sql("SELECT pg_drop_replication_slot('$slot')");
	$db->sql($CapturedDatabase::changes);
	$db->resume;
	$db->wait_for_state('lost');
	$reader->fetch(5);
	$db->heal;
	$reader->fetch(5);
	is_all_told($reader, 0, 'over a gap that was healed');
	is_table($reader, $_, 'over a gap that was healed') foreach qw(texts parts);

	$slot = $db->pause;
	$db->sql("SELECT pg_drop_replication_slot('$slot')");
	$db->sql(q{INSERT INTO texts VALUES ('lost')});
	$db->resume;
	$db->wait_for_state('lost');
	$db->sql('SELECT txsync.reset_capture()');
	$db->wait_for_state('streaming');
	$db->fails_with("SELECT txsync.fetch_changes('$_')", qr/ERROR:  TX022: .*gap/, "expired: $_") foreach $before, $reader->{cursor}, 'start', 1;
	is($db->sql(q{SELECT txsync.fetch_changes('now') -> 'hasMore'}), 'false', 'but not behind the gap');

	# Begin anew: what there is, and then what came since.
	my $snapshot = decode_json($db->sql(q{SELECT txsync.snapshot('texts')}));
	my $anew = Reader->new($db, cursor => $snapshot->{cursor});
	$anew->{entities}{texts}{ $_->{entityId} } = $_->{data} foreach @{ $snapshot->{entities} };
	$db->sql(q{INSERT INTO texts VALUES ('later'); DELETE FROM texts WHERE id = 'lost'});
	$db->captured_ok;
	$anew->fetch(5);
	is_table($anew, 'texts', 'begun anew');
	$db->drop;
};

# What healing does not know of, since the changelog has forgotten that it was there, must not stay with readers.
subtest 'a gap that was healed expires the cursors before it where something was forgotten' => sub {
	my $db = CapturedDatabase->create_captured($node, 'forgetful');
	$db->sql(q{UPDATE txsync.activity SET committed_at = now() - interval '100 days'});
	my $forgotten = $db->sql('SELECT last_id FROM txsync.capture');
	my $reader = Reader->new($db);
	$reader->fetch(5);
	$db->sql(q{INSERT INTO texts VALUES ('kept')});
	$db->captured_ok;
	is($db->sql('CALL txsync.compact_changelog()') =~ /"floor": (\d+)/ && $1, $forgotten, 'forgotten');
	$reader->fetch(5);
	my $slot = $db->pause;
	$db->sql("SELECT pg_drop_replication_slot('$slot')");
	$db->sql(q{DELETE FROM texts WHERE id <> 'kept'});
	$db->resume;
	$db->wait_for_state('lost');
	$db->sql('SELECT txsync.reset_capture(heal => true)');
	$db->wait_for_state('streaming');
	my $gap = $db->sql(q{SELECT id FROM txsync.activity WHERE action = 'gap'});
	is($db->sql('SELECT max(floor) FROM txsync.capture_state'), $gap, 'the floor is the gap');
	$db->fails_with("SELECT txsync.fetch_changes('$_')", qr/ERROR:  TX022: /, "expired: $_") foreach $reader->{cursor}, $forgotten, $gap - 1, 'start';
	is($db->sql(qq{SELECT count(*) FROM txsync.changes('$gap') WHERE action = 'delete'}), 0, 'of what was deleted in it nothing is told');
	$db->drop;
};

subtest 'copies' => sub {
	my $db = CapturedDatabase->create_captured($node, 'original');
	my $cursor = $db->sql(q{SELECT txsync.fetch_changes() ->> 'cursor'});
	$db->pause;
	my $copy = CapturedDatabase->new($node, 'copy');
	$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE original');
	$db->resume;
	$copy->sql('SELECT txsync.resume()');
	$copy->wait_for_state('streaming');
	my ($reader, $other) = map { Reader->new($_, cursor => $cursor) } $copy, $db;
	foreach my $one ($copy, $db)
	{
		$one->sql(q{INSERT INTO texts VALUES ('only in ' || current_database())});
		$one->captured_ok;
	}
	$reader->fetch(5);
	$other->fetch(5);
	my ($told) = grep { /^only/ } keys %{ $reader->{entities}{texts} };
	is($told, 'only in copy', 'what both have in common leads on in the copy');
	($told) = grep { /^only/ } keys %{ $other->{entities}{texts} };
	is($told, 'only in original', 'and in the original');
	$copy->fails_with("SELECT txsync.fetch_changes('$other->{cursor}')", qr/ERROR:  TX020: /, 'what only the original has is foreign to the copy');
	$db->fails_with("SELECT txsync.fetch_changes('$reader->{cursor}')", qr/ERROR:  TX020: /, 'and the other way round');
	$_->drop foreach $copy, $db;
};

subtest 'a standby answers, and is ahead of nobody' => sub {
	my $db = CapturedDatabase->create_captured($node, 'followed');
	$node->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->start;
	my $there = CapturedDatabase->new($standby, 'followed');
	$node->wait_for_catchup($standby);
	my ($reader, $other) = map { Reader->new($_) } $db, $there;
	$_->fetch(5) foreach $reader, $other;
	is_deeply($other->{told}, $reader->{told}, 'the same changes');
	is($other->{cursor}, $reader->{cursor}, 'the same cursor');
	$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
	$db->sql(q{INSERT INTO texts VALUES ('ahead')});
	$db->captured_ok;
	$reader->fetch(5);
	$there->fails_with("SELECT txsync.fetch_changes('$reader->{cursor}')", qr/ERROR:  TX021: /, 'a cursor that is ahead of it');
	$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
	$standby->promote;
	$there->wait_for_state('lost');
	$there->sql('SELECT txsync.reset_capture(heal => true)');
	$there->wait_for_state('streaming');
	$other->fetch(5);
	is_table($other, 'texts', 'a cursor of the old primary leads on behind a promotion that was healed');
	$standby->stop;
	$db->drop;
};

subtest 'rows that no text can hold' => sub {
	my $db = CapturedDatabase->create_bare($node, 'vast');
	my @columns = map { "c$_" } 1 .. 11;
	$db->sql('CREATE TABLE vast (id int PRIMARY KEY, organization_id text, b bytea, ' . join(', ', map { "$_ text" } @columns) . ')');
	$db->sql("INSERT INTO vast VALUES (2, 'A', NULL, repeat('x', 98000000)); UPDATE vast SET " . join(', ', map { "$_ = c1" } @columns[ 1 .. 5 ]));
	$db->sql('UPDATE vast SET ' . join(', ', map { "$_ = c1" } @columns[ 6 .. 10 ]) . q{; SELECT txsync.track('vast')});
	$db->wait_for_state('streaming');
	$db->sql(q{SELECT txsync.create_consumer('vast', '{}', 'now')});
	$db->sql("INSERT INTO vast VALUES (1, 'A', 'small'), (3, 'A', 'small'), (4, 'B', repeat('x', 540000000)::bytea); UPDATE vast SET organization_id = 'B' WHERE id = 2");
	$db->captured_ok;
	my $brief = sub {
		my ($entity) = @_;
		return join ' ', $entity->{entityId}, $entity->{organizationId}, $entity->{data} ? 'whole' : $entity->{truncated} ? 'truncated' : 'gone', ref($entity->{versions}) eq 'HASH' ? 'versions' : ();
	};
	my $told = sub { return join ', ', map { $brief->($_) } @{ JSON::PP::decode_json($db->sql($_[0])) } };
	my $all = '1 A whole versions, 3 A whole versions, 4 B truncated versions, 2 B truncated versions';
	is($told->(q{SELECT txsync.fetch_changes() -> 'changes'}), $all, 'a page tells that they are there');
	is($told->(q{SELECT json_agg(change) FROM txsync.consume('vast', 10)}), $all, 'a consumer as well');
	is($told->(q{SELECT txsync.snapshot('vast', max => 2) -> 'entities'}), '1 A whole, 2 B truncated', 'a snapshot comes beyond them');
	$db->drop;
};

$node->stop;
done_testing();

# Who is told what: roles with different rights to the tables of law.sql. docs/security.md says it in words.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Roles;
use Test::More;
use Time::HiRes qw(usleep);
use WireClient;

start_roles('visibility');

# ---- Who is told what

# A change in a few words: `+` is the entity, `-` its removal.
sub brief
{
	my ($change) = @_;
	return join '', $change->{action}, defined $change->{entityId} ? " $change->{entityType} $change->{entityId}" : " $change->{entityType}", $change->{action} eq 'truncate' ? '' : defined $change->{data} ? ' +' : ' -';
}

# What each role is told of what keeper does.
sub is_told
{
	my ($what, $sql, %expected) = @_;
	my %cursor = map { $_ => page($_, 'now')->{cursor} } @roles;
	get('keeper', $sql);
	captured();
	foreach my $role (@roles)
	{
		my $page = page($role, $cursor{$role});
		my $told = $page->{changes};
		is(join(', ', map { brief($_) } @$told), $expected{$role} // '', "$what: $role");
		foreach my $change (grep { !defined $_->{data} && $_->{action} !~ /truncate|visibility/ && $role !~ /postgres|keeper/ && $_->{entityType} =~ /docs|masked/ } @$told)
		{
			is($json->encode([ @$change{qw(changedKeys tx version rowVersion)} ]), '[null,null,null,null]', "$what: nothing else for $role");
		}
	}
	return;
}

sub all_but_nobody { return map { $_ => $_[0] } grep { $_ ne 'nobody' } @roles }
sub owners { return map { $_ => $_[0] } qw(postgres keeper) }

subtest 'who is told what' => sub {
	my %in_a = (owners('create docs 1 +'), map { $_ => 'create docs 1 +' } qw(ann cyd guy));
	is_told('a row in A', q{INSERT INTO docs VALUES ('1', 'A', 'a', 'b', 1)}, %in_a);
	is_told('a row in B', q{INSERT INTO docs VALUES ('2', 'B', 'a', 'b', 1)}, owners('create docs 2 +'), map { $_ => 'create docs 2 +' } qw(bob cyd));
	is_told('a row of nobody', q{INSERT INTO docs VALUES ('0', NULL, 'a', 'b', 1)}, owners('create docs 0 +'));
	is_told('a shared row', q{INSERT INTO docs VALUES ('3', 'C', 'a', 'b', 1, true)}, all_but_nobody('create docs 3 +'));
	is_told('an update', q{UPDATE docs SET n = 2 WHERE id = '1'}, map { $_ => 'update docs 1 +' } qw(postgres keeper ann cyd guy));
	is_told('a move from A to B', q{UPDATE docs SET organization_id = 'B' WHERE id = '1'}, map { $_ => /ann|guy/ ? 'delete docs 1 -' : 'update docs 1 +' } grep { $_ ne 'nobody' } @roles);
	is_told('a row that is shared no more', q{UPDATE docs SET shared = false WHERE id = '3'}, owners('update docs 3 +'), map { $_ => 'delete docs 3 -' } qw(ann bob cyd guy));
	is_told('a delete in B', q{DELETE FROM docs WHERE id = '2'}, map { $_ => 'delete docs 2 -' } qw(postgres keeper bob cyd));
	is_told('a delete of what was shared', q{DELETE FROM docs WHERE id = '3'}, all_but_nobody('delete docs 3 -'));
	is_told('a key', q{UPDATE docs SET id = '4' WHERE id = '1'}, map { $_ => 'delete docs 1 -, create docs 4 +' } qw(postgres keeper bob cyd));
	is_told('two in one', q{BEGIN; DELETE FROM docs WHERE id = '4'; INSERT INTO docs VALUES ('4', 'A', 'again', 'b', 1); COMMIT}, (map { $_ => 'delete docs 4 +, create docs 4 +' } qw(postgres keeper cyd)), (map { $_ => 'delete docs 4 +, create docs 4 +' } qw(ann guy)), bob => 'delete docs 4 -');
	is_told('TRUNCATE', q{TRUNCATE docs}, all_but_nobody('truncate docs'));
	is_told('a table without organizations', q{INSERT INTO plain VALUES (1, 'a', 'b', 1)}, all_but_nobody('create plain 1 +'));
	is_told('a table without row security', q{INSERT INTO parts VALUES (1, 'x', 'B', 'a', 'b', 1)}, all_but_nobody('create parts 1 +'));
	is_told('a delete without row security', q{DELETE FROM parts}, all_but_nobody('delete parts 1 -'));
	is_told('a table whose id guy may not read', q{INSERT INTO pairs VALUES (1, 'r', 'A', 'a', 'b', 1)}, map { $_ => 'create pairs ["1","r"] +' } qw(postgres keeper ann bob cyd));
};

# Where what has no organization is for all.
subtest 'out of no organization, and back' => sub {
	my $of = sub { my ($told, @of) = @_; my ($action, $is) = split ' ', $told; return map { $_ => "$action masked 00000000-0000-0000-0000-000000000009 $is" } @of };
	my @all = grep { $_ ne 'nobody' } @roles;
	is_told('a row for all', q{INSERT INTO masked VALUES ('00000000-0000-0000-0000-000000000009', NULL, 'a')}, $of->('create +', @all));
	is_told('that becomes A\'s', q{UPDATE masked SET tenant_id = 'A'}, $of->('update +', qw(postgres keeper ann cyd guy)), $of->('delete -', 'bob'));
	is_told('and is for all again', q{UPDATE masked SET tenant_id = NULL}, $of->('update +', @all));
	is_told('and B\'s', q{UPDATE masked SET tenant_id = 'B'}, $of->('update +', qw(postgres keeper bob cyd)), $of->('delete -', qw(ann guy)));
	is_told('and that of no name, which is one', q{UPDATE masked SET tenant_id = ''}, $of->('update +', qw(postgres keeper)), $of->('delete -', qw(bob cyd)));
	is_told('which stays', q{UPDATE masked SET n = 2}, $of->('update +', qw(postgres keeper)));
	is_told('and is left', q{UPDATE masked SET tenant_id = NULL}, $of->('update +', @all));
	get('keeper', 'DELETE FROM masked');
};

subtest 'what is in it' => sub {
	get('keeper', q{INSERT INTO docs VALUES ('1', 'A', 'a', 'b', 1)});
	get('keeper', q{INSERT INTO masked VALUES ('00000000-0000-0000-0000-000000000001', 'A', 'a', '{}', 1, 'hush')});
	captured();
	my %cursor = map { $_ => page($_, 'now')->{cursor} } @roles;
	get('keeper', q{UPDATE docs SET a = 'x', b = 'y', tx = '{"transactionId": "by keeper", "sourceId": "s", "changedField": "b"}' WHERE id = '1'});
	get('keeper', q{UPDATE masked SET a = 'x', secret = 'psst' WHERE a = 'a'});
	captured();
	my $sees = sub {
		my ($role) = @_;
		return map { $_->{entityType} => $_ } @{ page($role, $cursor{$role})->{changes} };
	};
	my %all = $sees->('keeper');
	is($json->encode($all{docs}{data}), '{"a":"x","b":"y","id":"1","n":1,"organization_id":"A","shared":false}', 'the columns, but for our own');
	is($json->encode($all{docs}{changedKeys}), '["a","b"]', 'changedKeys');
	is($all{docs}{organizationId}, 'A', 'organizationId');
	is($all{docs}{versions}{fields}{b}, 'by keeper', 'versions');
	is($json->encode($all{masked}{data}), '{"a":"x","b":{},"id":"00000000-0000-0000-0000-000000000001","n":1,"tenant_id":"A"}', 'nothing that is hidden');
	is($json->encode($all{masked}{changedKeys}), '["a"]', 'nor in changedKeys');
	my %some = $sees->('guy');
	is($json->encode($some{docs}{data}), '{"a":"x","id":"1","n":1}', 'of columns those that the role may read');
	is($json->encode($some{docs}{changedKeys}), '["a"]', 'in changedKeys, too');
	is($some{docs}{organizationId}, undef, 'no organization either');
	unlike($json->encode($some{docs}), qr/"b"|"y"/, 'nowhere');
	is($json->encode([ @{ $all{docs} }{qw(tx version)}, defined $all{docs}{rowVersion} ? "counted" : undef ]), '[{"changedField":"b","sourceId":"s","transactionId":"by keeper"},"by keeper","counted"]', 'whose change it was');
	is($json->encode([ @{ $some{docs} }{qw(tx version rowVersion versions)} ]), '[null,null,null,null]', 'not where the role may not read tx');
	get('postgres', 'GRANT SELECT (tx) ON docs TO guy');
	is($json->encode([ @{ { $sees->('guy') }->{docs} }{qw(tx version rowVersion versions)} ]), '[{"changedField":null,"sourceId":"s","transactionId":"by keeper"},null,null,null]', 'with tx alone no versions');
	get('postgres', 'REVOKE SELECT (tx) ON docs FROM guy');
	is($json->encode($some{masked}{data}), '{"a":"x","id":"00000000-0000-0000-0000-000000000001","tenant_id":"A"}', 'also what may be read stays hidden');
	my @in = map { $json->encode([ map { $_->{entityId} } grep { $_->{entityType} eq 'docs' } @{ (page('guy', 'start', ", 1000, NULL, ARRAY['$_']"))->{changes} } ]) } qw(A B);
	is($in[0], $in[1], 'no filter tells what is in a column that the role may not read');

	my $pointers = q{'[{"entityType": "docs", "entityId": "1"}, {"entityType": "docs", "entityId": "none"}, {"entityType": "pairs", "entityId": "[\"1\",\"r\"]"}]'};
	my %entities = map { my $role = $_; ($role => join ' ', map { defined $_->{data} ? 'seen' : 'null' } @{ $json->decode(get($role, "SELECT txsync.get_entities($pointers)")) }) } @roles;
	is_deeply(\%entities, { (map { $_ => 'seen null seen' } qw(postgres keeper ann cyd)), bob => 'null null seen', guy => 'seen null null', nobody => 'null null null' }, 'get_entities()');
	my ($invisible, $missing) = @{ $json->decode(get('bob', "SELECT txsync.get_entities($pointers)")) };
	delete $_->{entityId} foreach $invisible, $missing;
	is($json->encode($invisible), $json->encode($missing), 'what is invisible is as what is not there');
	is($json->encode([ map { $_->{data} } @{ $json->decode(get('guy', q{SELECT txsync.snapshot('docs')}))->{entities} } ]), '[{"a":"x","id":"1","n":1}]', 'snapshot()');
	is($json->encode($json->decode(get('bob', q{SELECT txsync.snapshot('docs')}))->{entities}), '[]', 'snapshot(): nothing that is invisible');
	like(ask('nobody', q{SELECT txsync.snapshot('docs')}), qr/\A42501 |"entities": \[\]/, 'snapshot() without any right');
};

# What an organization did with an entity is not the next one's business.
subtest 'what has moved' => sub {
	get('keeper', q{INSERT INTO docs VALUES ('moved', 'A', 'a', 'b', 1)});
	captured();
	my $cursor = page('bob', 'now')->{cursor};
	my $tx = sub { return qq{tx = '{"transactionId": "of $_[0]", "sourceId": "$_[0]", "changedField": null}'} };
	get('keeper', 'UPDATE docs SET n = 2, ' . $tx->('A') . q{ WHERE id = 'moved'});
	get('keeper', q{SELECT txsync.reshare('docs', '{moved}')});
	get('keeper', q{UPDATE docs SET organization_id = 'B', } . $tx->('B') . q{ WHERE id = 'moved'});
	captured();
	my $told = sub {
		my ($role) = @_;
		return join ', ', map { join ' ', $_->{action}, $_->{organizationId} // '-', $_->{tx} ? $_->{tx}{sourceId} : '-', $_->{version} // '-', $_->{rowVersion} // '-', $_->{changedKeys} ? @{ $_->{changedKeys} } : '-', $_->{data}{n} // 'removed' } @{ page($role, $cursor)->{changes} };
	};
	my $moved = 'update B B of B 3 organization_id 2';
	is($told->('cyd'), "update A A of A 2 n 2, visibility A - - - - 2, $moved", 'who sees both is told all');
	is($told->('keeper'), $told->('cyd'), 'as is the owner');
	is($told->('bob'), "update B - - - - 2, visibility B - - - - 2, $moved", 'who sees B is not told of A');
	is($told->('ann'), 'delete A - - - - removed, visibility - - - - - removed, delete A - - - - removed', 'nor who sees A of B');
	my $in = sub { return join ', ', map { "$_->{action} " . ($_->{organizationId} // '-') } @{ page($_[0], $cursor, q{, 100, '{docs}', '{A}'})->{changes} } };
	is($in->('cyd'), 'delete A, visibility -, delete A', 'who asks for A is told that it left');
	is($in->('bob'), 'visibility -', 'not who may not know that it was there');
	get('keeper', q{DELETE FROM docs WHERE id = 'moved'});
	captured();
};

# Users' functions run as in a SELECT of the caller's own: with his search_path and his settings.
subtest 'policies that look at the session' => sub {
	get('keeper', <<'SQL');
CREATE FUNCTION is_member() RETURNS boolean STABLE LANGUAGE sql AS $$ SELECT EXISTS (SELECT FROM member WHERE role = current_user AND active AND org = current_setting('app.org', true)) $$;
CREATE FUNCTION was_member(entity_id text, org_id text) RETURNS boolean STABLE LANGUAGE plpgsql AS $$ BEGIN RETURN is_member(); END $$;
CREATE TABLE lax (id int PRIMARY KEY);
ALTER TABLE lax ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON lax USING (is_member());
GRANT SELECT ON lax TO ann, bob;
SELECT txsync.track('lax', delete_visible => 'was_member(text, text)');
SQL
	my $cursor = page('ann', 'now')->{cursor};
	get('keeper', 'INSERT INTO lax VALUES (1), (2); DELETE FROM lax WHERE id = 2');
	captured();
	get($_, "SET app.org = 'A'") foreach qw(ann bob);
	is(join(', ', map { brief($_) } @{ page('ann', $cursor)->{changes} }), 'create lax 1 +, delete lax 2 -, delete lax 2 -', 'with her organization');
	is($json->encode(page('bob', $cursor)->{changes}), '[]', 'without his');
	is(join(' ', map { $_->{entityId} } @{ $json->decode(get('ann', q{SELECT txsync.snapshot('lax')}))->{entities} }), '1', 'a snapshot');
	like(get('ann', q{SELECT txsync.get_entities('[{"entityType": "lax", "entityId": "1"}]')}), qr/"data": \{/, 'an entity');
	get('ann', "SET app.org = 'B'");
	is($json->encode(page('ann', $cursor)->{changes}), '[]', 'with another one');
	get('keeper', 'DROP TABLE lax');
	captured();
	is($json->encode(page('ann', $cursor)->{changes}), '[]', 'of a table that is gone nothing is told');
};

subtest 'rights that go while somebody reads' => sub {
	get('keeper', 'TRUNCATE docs, masked');
	captured();
	my $cursor = page('ann', 'now')->{cursor};
	get('keeper', q{INSERT INTO docs SELECT 'p' || g, 'A', 'a', 'b', g FROM generate_series(1, 10) g});
	captured();
	my $page = page('ann', $cursor, ', 3');
	is(scalar(grep { $_->{data} } @{ $page->{changes} }), 3, 'a page');
	get('keeper', q{UPDATE member SET active = false WHERE role = 'ann'});
	my @rest;
	for ($page = page('ann', $page->{cursor}, ', 3'); push(@rest, @{ $page->{changes} }), $page->{hasMore};) { $page = page('ann', $page->{cursor}, ', 3') }
	is(scalar(grep { $_->{data} } @rest), 0, 'the next page has nothing of it');
	get('keeper', q{SELECT txsync.reshare('docs', array_agg(id)) FROM docs});
	captured();
	is(join(' ', sort map { brief($_) } @{ page('ann', $page->{cursor})->{changes} }), join(' ', sort map { "visibility docs p$_ -" } 1 .. 10), 'reshare() tells that it is gone');
	is(join(' ', map { brief($_) } @{ page('bob', $page->{cursor})->{changes} }), join(' ', map { brief($_) } @{ page('ann', $page->{cursor})->{changes} }), 'those who never saw it learn no more');
	unlike($json->encode(page('bob', $page->{cursor})->{changes}), qr/"organizationId":"/, 'nor whose it is');
	get('keeper', q{UPDATE member SET active = true WHERE role = 'ann'});
	get('keeper', q{SELECT txsync.reshare('docs', '{p1,p2}')});
	captured();
	is(join(' ', map { brief($_) } grep { $_->{data} } @{ page('ann', $page->{cursor}, ', latest => true')->{changes} }), join(' ', map { "visibility docs p$_ +" } 3 .. 10, 1, 2), 'after a grant all is there again');
	like(ask('ann', q{SELECT txsync.reshare('docs', '{p1}')}), qr/\A42501 /, 'reshare() is the table owner\'s');
	get('postgres', 'REVOKE SELECT ON docs FROM bob');
	is(join(' ', map { brief($_) } grep { $_->{entityType} eq 'docs' } @{ page('bob', 'start', ', 1000')->{changes} }), '', 'who may not read the table is told nothing');
	get('postgres', 'GRANT SELECT ON docs TO bob');
};

# A commit is in the WAL, and so in the changelog, before others see its rows; with a standby that must confirm it, long before.
subtest 'a transaction that is not visible yet' => sub {
	get('keeper', q{INSERT INTO plain VALUES (50, 'old')});
	captured();
	get('postgres', q{ALTER SYSTEM SET synchronous_standby_names = 'ghost'});
	get('postgres', q{ALTER SYSTEM SET synchronous_commit = local});
	get('postgres', 'SELECT pg_reload_conf()');
	$db->poll_ok(q{SELECT current_setting('synchronous_standby_names') = 'ghost'}, 'a standby that never confirms');
	my $waits = WireClient->new($node, user => 'keeper', options => '-c synchronous_commit=on');
	my $cursor = page('ann', 'now')->{cursor};
	$waits->send(q{UPDATE plain SET a = 'new' WHERE id = 50});
	$db->poll_ok("SELECT wait_event = 'SyncRep' FROM pg_stat_activity WHERE pid = $waits->{pid}", 'it has committed, and waits');
	usleep(300_000);
	is(get('ann', 'SELECT a FROM plain WHERE id = 50'), 'old', 'others do not see it yet');
	my @before = page('ann', $cursor);
	my $now = page('ann', 'now')->{cursor};
	my $snapshot = $json->decode(get('ann', q{SELECT txsync.snapshot('plain')}))->{cursor};
	get('postgres', "SELECT pg_cancel_backend($waits->{pid})");
	$waits->answer;
	captured();
	is(get('ann', 'SELECT a FROM plain WHERE id = 50'), 'new', 'now they do');
	push @before, page('ann', $before[0]{cursor});
	is(join(' ', map { $_->{data}{a} } map { @{ $_->{changes} } } @before), 'new', 'its change is told with what it wrote');
	is(join(' ', map { $_->{data}{a} } @{ page('ann', $now)->{changes} }), 'new', 'now is not behind what is seen');
	is(join(' ', map { $_->{data}{a} } @{ page('ann', $snapshot)->{changes} }), 'new', 'nor is the cursor of a snapshot');
	get('postgres', 'ALTER SYSTEM RESET ALL');
	get('postgres', 'SELECT pg_reload_conf()');
};

# ---- What cannot be asked is an error: nothing is passed over

subtest 'a policy that fails' => sub {
	get('keeper', 'CREATE TABLE circle (id int PRIMARY KEY); ALTER TABLE circle ENABLE ROW LEVEL SECURITY; GRANT SELECT ON circle TO ann');
	get('keeper', q{SELECT txsync.track('circle'); INSERT INTO circle VALUES (1); CREATE POLICY p ON circle USING (EXISTS (SELECT FROM circle))});
	captured();
	like(ask('ann', q{SELECT txsync.fetch_changes('start', 1000, '{circle}')}), qr/\A42P17 /, 'fetch_changes()');
	get('keeper', 'DROP TABLE circle');
};

subtest 'delete_visible where the reader may not look' => sub {
	get('postgres', <<'SQL');
CREATE SCHEMA closed;
CREATE FUNCTION closed.visible(entity_id text, org_id text) RETURNS boolean RETURN true;
CREATE TABLE closed_off (id int PRIMARY KEY);
GRANT SELECT ON closed_off TO ann;
SELECT txsync.track('closed_off', delete_visible => 'closed.visible(text,text)');
SQL
	my $cursor = page('ann', 'now')->{cursor};
	my $told = sub { return join ', ', map { brief($_) } @{ page('ann', $cursor)->{changes} } };
	get('postgres', 'INSERT INTO closed_off VALUES (1), (2); DELETE FROM closed_off WHERE id = 2');
	captured();
	is($told->(), 'create closed_off 1 +, create closed_off 2 -, delete closed_off 2 -', 'nobody asks it');
	get('postgres', 'ALTER TABLE closed_off ENABLE ROW LEVEL SECURITY; CREATE POLICY all_rows ON closed_off USING (true)');
	is($told->(), 'create closed_off 1 +', 'she cannot be told what it decides');
	get('postgres', 'GRANT USAGE ON SCHEMA closed TO ann');
	is($told->(), 'create closed_off 1 +, delete closed_off 2 -, delete closed_off 2 -', 'with the right to look');
	get('postgres', 'DROP TABLE closed_off; DROP SCHEMA closed CASCADE');
};

# ---- One session, several roles

subtest 'SET ROLE' => sub {
	my $many = WireClient->new($node, user => 'postgres');
	my $ask = sub { my $answer = $many->query($_[0]); return $answer->{error} // $answer->{rows}[0][0] };
	get('keeper', q{INSERT INTO docs VALUES ('set role A', 'A'), ('set role B', 'B')});
	captured();
	my $told = sub { return join ' ', sort map { ($_->{entityId} // '') =~ /set role (.)/ && $_->{data} ? $1 : () } @{ $json->decode($ask->(q{SELECT txsync.fetch_changes('start', 1000, '{docs}')}))->{changes} } };
	foreach my $round (1 .. 8)
	{
		is($told->(), 'A B', "the superuser ($round)");
		foreach my $case ([qw(ann A)], [qw(bob B)])
		{
			$ask->("SET ROLE $case->[0]");
			is($told->(), $case->[1], "$case->[0] ($round)");
			$ask->('RESET ROLE');
		}
	}
	$ask->('SET ROLE ann');
	$ask->('SET row_security = off');
	my @calls = (q{SELECT txsync.fetch_changes('start', 1000, '{docs}')}, q{SELECT txsync.snapshot('docs')}, q{SELECT txsync.get_entities('[{"entityType": "docs", "entityId": "set role B"}]')});
	is($ask->($_), '42501', "row_security = off: $_") foreach @calls;
	$many->drop;
	get('postgres', q{CREATE FUNCTION lent() RETURNS jsonb LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$ SELECT txsync.fetch_changes('start', 1000, '{docs}') $$; ALTER FUNCTION lent() OWNER TO bob});
	unlike(get('ann', 'SELECT lent()'), qr/"organizationId": "A"[^{}]*"data": \{/, 'a SECURITY DEFINER function sees as its owner');
};

# ---- Tables that are locked, or renamed

subtest 'who may do nothing with a table does not wait for it' => sub {
	my $docs = get('postgres', q{SELECT 'docs'::regclass::oid});
	get('keeper', 'BEGIN; LOCK TABLE docs IN ACCESS EXCLUSIVE MODE');
	my $nobody = WireClient->new($node, user => 'nobody', options => '-c lock_timeout=1s');
	my $answer = sub { my $answer = $nobody->query($_[0]); return $answer->{error} // (map { $_->[0] } @{ $answer->{rows} })[-1] };
	my $op = '{"transactionId": "locked", "sourceId": "s", "entityType": "docs", "entityId": "1", "action": "update", "changedField": "a", "value": "x"}';
	foreach my $call (
		[ q{SELECT txsync.fetch_changes('start', 1000) -> 'changes'}, qr/\A\[\]\z/ ],
		[ q{SELECT txsync.fetch_changes('start', 1000, '{docs}') -> 'changes'}, qr/\A\[\]\z/ ],
		[ q{SELECT txsync.get_entities('[{"entityType": "docs", "entityId": "1"}]') #> '{0,data}'}, qr/\Anull\z/ ],
		[ q{SELECT txsync.snapshot('docs')}, qr/\A42501\z/ ],
		[ qq{SELECT txsync.mutate('$op')}, qr/\A(?:42501|55P03)\z/ ])
	{
		like($answer->($call->[0]), $call->[1], $call->[0]);
	}
	# Here it has to know what an id of docs looks like.
	is($answer->(q{SELECT txsync.begin_mutation('{"transactionId": "locked", "sourceId": "s", "changedField": null}', 'docs', '1')}), '55P03', 'begin_mutation() has no answer');
	get('keeper', 'ROLLBACK');
	$answer->('BEGIN');
	$answer->($_) foreach q{SELECT txsync.fetch_changes('start', 1000)}, q{SELECT txsync.get_entities('[{"entityType": "docs", "entityId": "1"}]')},
		q{SELECT txsync.begin_mutation('{"transactionId": "not locked", "sourceId": "s", "changedField": "a"}', 'docs', '1')};
	is($answer->("SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation = $docs"), 0, 'nor does anybody have to wait for him');
	$answer->('ROLLBACK');
};

subtest 'a schema that is renamed all the time' => sub {
	get('postgres', q{CREATE SCHEMA here; CREATE TABLE here.moving (id int PRIMARY KEY); SELECT txsync.track('here.moving'); GRANT USAGE ON SCHEMA here TO ann; GRANT SELECT ON here.moving TO ann});
	my $cursor = page('ann', 'now')->{cursor};
	get('postgres', 'INSERT INTO here.moving VALUES (1)');
	captured();
	my $mover = WireClient->new($node, user => 'postgres');
	$mover->send(q{DO $$ BEGIN FOR i IN 1 .. 500 LOOP ALTER SCHEMA here RENAME TO there; COMMIT; PERFORM pg_sleep(0.002); ALTER SCHEMA there RENAME TO here; COMMIT; PERFORM pg_sleep(0.002); END LOOP; END $$});
	my %told;
	do
	{
		my $answer = ask('ann', "SELECT txsync.fetch_changes('$cursor', 10, '{moving}') -> 'changes'");
		$told{ $answer =~ /\A\[/ ? join ' ', map { brief($_) } @{ $json->decode($answer) } : substr $answer, 0, 5 }++;
	} while (get('postgres', "SELECT state = 'active' FROM pg_stat_activity WHERE pid = $mover->{pid}") eq 't');
	is($mover->answer->{error}, undef, 'renamed');
	cmp_ok(delete $told{'create moving 1 +'} // 0, '>', 0, 'its changes are told');
	is(join(' ', map { "<$_>" } grep { !/\A(?:42P01|3F000|40001)\z/ } sort keys %told), '', 'or a page fails, but is never without them');
	note("$_: $told{$_}") foreach sort keys %told;
};

$node->stop;
done_testing();

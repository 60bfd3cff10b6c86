// What an application does with its tables, whatever library it has. Each library's file says how it does these with `app`:
//   read(q, id), insert(q, rows), save(q, row): update of all columns, upsert(q, row): insert … on conflict do update of all
//   columns, returning the row, updateMany(q, ids, values), remove(q, id), call(q, function, ...arguments): one of txsync's,
//   transaction(work), databaseError(error): what the driver threw
// `q` is app.db, or what a transaction gives to its work.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import pg from 'pg';

let made = 0;

// As clients make them; a request may have more members than a tx.
export function newTx(changedField = null, more = {}) {
	made += 1;
	return { transactionId: `${Date.now()}.${String(made).padStart(4, '0')}.npm-${process.pid}`, sourceId: 'tab', changedField, ...more };
}

const stored = ({ transactionId, sourceId }, changedField = null) => ({ transactionId, sourceId, changedField });

export async function makeTable(name) {
	const client = new pg.Client();
	await client.connect();
	await client.query(`CREATE TABLE ${name} (id int PRIMARY KEY, org_id text, title text, body text, n int NOT NULL DEFAULT 0,
		tags jsonb, price numeric(10,2), created_at timestamptz(3) NOT NULL DEFAULT now())`);
	await client.query(`SELECT txsync.track('${name}')`);
	await client.end();
}

// The columns that applications map, all of them.
export const columns = ['id', 'org_id', 'title', 'body', 'n', 'tags', 'price', 'created_at', 'tx', 'tx_versions'];

export function scenarios(app) {
	const { db } = app;
	let ids = 0;

	// A row that was made by a mutation: [its id, that tx].
	async function makeRow(values = {}) {
		ids += 1;
		const tx = newTx();
		await app.insert(db, [{ id: ids, org_id: 'o1', title: 'title', body: 'body', tags: { a: [1, null], 'ü': 'x' }, price: '1.50', tx, ...values }]);
		return [ids, tx];
	}

	const versions = (id) => app.call(db, 'field_versions', app.table, String(id));

	async function assertFails(promise, code, name, members = {}) {
		await assert.rejects(promise, (thrown) => {
			const error = app.databaseError(thrown);
			assert.equal(error.code, code);
			const { httpStatus, ...detail } = JSON.parse(error.detail);
			assert.deepEqual(detail, { code: name, ...members });
			assert.ok(httpStatus >= 400 && httpStatus < 500);
			return true;
		});
	}

	after(() => app.close());

	test('a row is saved whole', async () => {
		const [id, created] = await makeRow();
		const row = await app.read(db, id);
		assert.deepEqual(row.tx, stored(created));
		await app.save(db, { ...row, title: 'saved' });

		const saved = await app.read(db, id);
		assert.equal(saved.title, 'saved');
		assert.equal(saved.tx, null, 'the tx that was only carried over is not this write\'s');
		const after = await versions(id);
		assert.equal(after.rowVersion, 2);
		assert.notEqual(after.fields.title, created.transactionId);
		for (const field of ['org_id', 'body', 'n', 'tags', 'price', 'created_at'])
			assert.equal(after.fields[field], created.transactionId, field);

		const tx = newTx('body');
		await app.save(db, { ...saved, body: 'declared', tx });
		const declared = await app.read(db, id);
		assert.deepEqual(declared.tx, stored(tx, 'body'));
		await app.save(db, declared);
		const { fields, rowVersion } = await versions(id);
		assert.equal(rowVersion, 4);
		assert.deepEqual(fields, { ...after.fields, body: tx.transactionId }, 'a save that changes nothing moves no version');
	});

	test('a row is saved whole with a tx that is older than the row\'s', async () => {
		const [id, created] = await makeRow();
		const row = await app.read(db, id);
		const tx = newTx('body');
		await app.save(db, { ...row, body: 'by another', tx });
		await assertFails(app.save(db, { ...row, title: 'late' }), 'TX003', 'DUPLICATE_TRANSACTION', { transactionId: created.transactionId });

		const mine = newTx('title');
		const late = app.transaction(async (q) => {
			await app.call(q, 'begin_mutation', mine);
			await app.save(q, { ...row, title: 'late' });
		});
		await assertFails(late, 'TX005', 'TX_MISMATCH', { transactionId: created.transactionId, declaredTransactionId: mine.transactionId });

		await app.transaction(async (q) => {
			assert.deepEqual(await app.call(q, 'begin_mutation', mine), { status: 'new' });
			await app.save(q, { ...(await app.read(q, id)), title: 'read again' });
		});
		const saved = await app.read(db, id);
		assert.deepEqual([saved.title, saved.body, saved.tx], ['read again', 'by another', stored(mine, 'title')]);
		const { fields } = await versions(id);
		assert.deepEqual([fields.title, fields.body], [mine.transactionId, tx.transactionId]);
	});

	test('versions that come with a row are not believed', async () => {
		const [id, created] = await makeRow();
		const row = await app.read(db, id);
		await app.save(db, { ...row, title: 'first' });
		const { fields } = await versions(id);
		await app.save(db, { ...row, title: 'first', body: 'second', tx: null, tx_versions: Buffer.from('nonsense') });
		const now = await versions(id);
		assert.equal(now.rowVersion, 3);
		assert.equal(now.fields.title, fields.title);
		assert.ok(![fields.body, created.transactionId].includes(now.fields.body));
	});

	test('upserts', async () => {
		ids += 1;
		const id = ids;
		const created = newTx();
		const row = await app.upsert(db, { id, org_id: 'o1', title: 'title', body: 'body', n: 0, tags: {}, price: '2.00', created_at: new Date(), tx: created, tx_versions: null });
		assert.deepEqual(row.tx, stored(created));
		assert.equal((await versions(id)).last, created.transactionId);

		const carried = await app.upsert(db, { ...row, title: 'carried' });
		assert.deepEqual([carried.title, carried.tx], ['carried', null]);
		const tx = newTx('title', { value: 'declared' });
		const declared = await app.upsert(db, { ...carried, title: 'declared', tx });
		assert.deepEqual([declared.title, declared.tx], ['declared', stored(tx, 'title')]);
		await assertFails(app.upsert(db, { ...carried, title: 'declared', tx }), 'TX003', 'DUPLICATE_TRANSACTION', { transactionId: tx.transactionId });

		const mutation = newTx('n');
		const written = await app.transaction(async (q) => {
			await app.call(q, 'begin_mutation', mutation, app.table, String(id));
			return app.upsert(q, { ...declared, n: 1 });
		});
		assert.deepEqual([written.n, written.tx], [1, stored(mutation, 'n')]);
		await assertFails(app.upsert(db, declared), 'TX003', 'DUPLICATE_TRANSACTION', { transactionId: tx.transactionId });
		const { fields, rowVersion } = await versions(id);
		assert.equal(rowVersion, 4);
		assert.deepEqual([fields.title, fields.n, fields.body], [tx.transactionId, mutation.transactionId, created.transactionId]);
	});

	test('updates of many rows', async () => {
		const rows = [await makeRow(), await makeRow(), await makeRow()].map(([id]) => id);
		const tx = newTx('org_id', { value: 'o2' });
		assert.equal(await app.updateMany(db, rows, { org_id: 'o2', tx }), 3);
		for (const id of rows) {
			assert.deepEqual((await app.read(db, id)).tx, stored(tx, 'org_id'));
			assert.equal((await versions(id)).fields.org_id, tx.transactionId);
		}
		await assertFails(app.updateMany(db, rows, { org_id: 'o2', tx }), 'TX003', 'DUPLICATE_TRANSACTION', { transactionId: tx.transactionId });
		assert.equal(await app.call(db, 'is_transaction_processed', tx.transactionId), true);

		const mutation = newTx('title');
		await app.transaction(async (q) => {
			await app.call(q, 'begin_mutation', mutation);
			assert.equal(await app.updateMany(q, rows, { title: 'all' }), 3);
			await app.remove(q, rows[2]);
		});
		for (const id of rows.slice(0, 2))
			assert.deepEqual((await app.read(db, id)).tx, stored(mutation, 'title'));
		assert.deepEqual(await app.call(db, 'get_entity_by_transaction', mutation.transactionId), { entityType: app.table, entityId: String(rows[0]) });
	});

	// What an endpoint does with a request.
	async function increment(id, tx) {
		return app.transaction(async (q) => {
			const answer = await app.call(q, 'begin_mutation', tx, app.table, String(id), { add: 1 });
			if (answer.status === 'new') {
				const row = await app.read(q, id);
				await app.updateMany(q, [id], { n: row.n + 1 });
				await app.call(q, 'finish_mutation', { n: row.n + 1 });
			}
			return answer;
		});
	}

	test('a request that comes several times', async () => {
		const [id] = await makeRow();
		const tx = newTx('n');
		const answers = await Promise.all([1, 2, 3, 4, 5].map(() => increment(id, tx)));
		answers.push(await increment(id, tx));
		assert.equal(answers.filter(({ status }) => status === 'new').length, 1);
		const duplicates = answers.filter(({ status }) => status === 'duplicate');
		assert.equal(duplicates.length, 5);
		for (const { entity, result } of duplicates)
			assert.deepEqual([entity.id, entity.n, result], [id, 1, { n: 1 }]);
		assert.equal((await app.read(db, id)).n, 1);

		const careless = app.transaction(async (q) => {
			await app.call(q, 'begin_mutation', tx, app.table, String(id), { add: 1 });
			await app.updateMany(q, [id], { n: 2 });
		});
		await assertFails(careless, 'TX003', 'DUPLICATE_TRANSACTION', { transactionId: tx.transactionId });
		await assertFails(app.call(db, 'begin_mutation', tx, app.table, String(id), { add: 2 }), 'TX004', 'DUPLICATE_MISMATCH', { transactionId: tx.transactionId, member: 'request' });
		assert.equal((await app.read(db, id)).n, 1);
	});

	test('a transaction that fails gives its id back', async () => {
		const [id] = await makeRow();
		const tx = newTx('n');
		await assert.rejects(app.transaction(async (q) => {
			await app.call(q, 'begin_mutation', tx);
			await app.updateMany(q, [id], { n: 7 });
			throw new Error('of the application');
		}), /of the application/);
		assert.equal(await app.call(db, 'is_transaction_processed', tx.transactionId), false);
		assert.equal((await increment(id, tx)).status, 'new');
		assert.equal((await app.read(db, id)).n, 1);
	});

	test('conflicts', async () => {
		const [id, created] = await makeRow();
		const first = newTx('title');
		await app.save(db, { ...(await app.read(db, id)), title: 'first', tx: first });
		const write = (tx) => app.transaction(async (q) => {
			await app.call(q, 'begin_mutation', tx, app.table, String(id));
			await app.updateMany(q, [id], { title: 'mine' });
		});
		const expecting = ({ transactionId }, field = 'title') => newTx(field, { expectedTransactionId: transactionId });
		const members = { field: 'title', expectedTransactionId: created.transactionId, serverTransactionId: first.transactionId };
		await assertFails(write(expecting(created)), 'TX001', 'FIELD_CONFLICT', members);
		const rivals = await Promise.allSettled([1, 2, 3].map(() => write(expecting(first))));
		assert.equal(rivals.filter(({ status }) => status === 'fulfilled').length, 1, 'of those who expect the same version one wins');

		const deletion = newTx();
		await app.transaction(async (q) => {
			await app.call(q, 'begin_mutation', deletion);
			await app.remove(q, id);
		});
		await assertFails(write(expecting(created)), 'TX001', 'FIELD_CONFLICT', { ...members, serverTransactionId: deletion.transactionId });
	});

	test('what is wrong with a request', async () => {
		const tx = newTx();
		await assertFails(app.call(db, 'begin_mutation', { ...tx, sourceId: '' }), 'TX006', 'INVALID_TX', { member: 'sourceId' });
		await assertFails(app.call(db, 'begin_mutation', tx, 'no such type', '1'), 'TX011', 'UNKNOWN_ENTITY_TYPE', { entityType: 'no such type' });
		const [id] = await makeRow();
		await assertFails(app.updateMany(db, [id], { title: 'x', tx: newTx('nothing') }), 'TX006', 'INVALID_TX', { member: 'changedField' });
	});
}

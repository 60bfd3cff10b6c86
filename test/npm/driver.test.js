// The driver alone: pg.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import pg from 'pg';
import { columns, makeTable, newTx, scenarios } from './scenarios.js';

const table = 'driver_pages';
await makeTable(table);
const db = new pg.Pool({ max: 8 });

const places = (values) => values.map((_, i) => `$${i + 1}`).join(', ');
const assignments = (names, first = 1) => names.map((name, i) => `${name} = $${first + i}`).join(', ');

async function insert(q, rows) {
	for (const row of rows)
		await q.query(`INSERT INTO ${table} (${Object.keys(row)}) VALUES (${places(Object.values(row))})`, Object.values(row));
}

scenarios({
	table,
	db,
	insert,
	read: async (q, id) => (await q.query({ name: 'read', text: `SELECT * FROM ${table} WHERE id = $1`, values: [id] })).rows[0],
	save: (q, row) => q.query({ name: 'save', text: `UPDATE ${table} SET ${assignments(columns)} WHERE id = $1`, values: columns.map((name) => row[name]) }),
	upsert: async (q, row) => (await q.query(
		`INSERT INTO ${table} (${columns}) VALUES (${places(columns)}) ON CONFLICT (id) DO UPDATE SET ${columns.map((name) => `${name} = EXCLUDED.${name}`)} RETURNING *`,
		columns.map((name) => row[name]))).rows[0],
	updateMany: async (q, ids, values) => (await q.query(`UPDATE ${table} SET ${assignments(Object.keys(values), 2)} WHERE id = ANY ($1)`, [ids, ...Object.values(values)])).rowCount,
	remove: (q, id) => q.query(`DELETE FROM ${table} WHERE id = $1`, [id]),
	call: async (q, name, ...values) => (await q.query(`SELECT txsync.${name}(${places(values)}) AS answer`, values)).rows[0].answer,
	databaseError: (error) => error,
	close: () => db.end(),
	async transaction(work) {
		const client = await db.connect();
		try {
			await client.query('BEGIN');
			const result = await work(client);
			await client.query('COMMIT');
			return result;
		} catch (error) {
			await client.query('ROLLBACK');
			throw error;
		} finally {
			client.release();
		}
	},
});

test('the autocommit trap is told', async () => {
	const client = await db.connect();
	const notices = [];
	client.on('notice', (notice) => notices.push(notice));
	await client.query('SELECT txsync.begin_mutation($1)', [newTx()]);
	assert.deepEqual(notices.map(({ code, severity }) => [code, severity]), [['TX013', 'WARNING']]);
	assert.match(notices[0].hint, /autocommit/);
	client.release();
});

test('statements that do not wait for each other', async () => {
	await insert(db, [{ id: 1001, title: 'title' }]);
	const client = await db.connect();
	const tx = newTx('title');
	const send = () => Promise.allSettled([
		client.query('BEGIN'),
		client.query('SELECT txsync.begin_mutation($1) AS answer', [tx]),
		client.query(`UPDATE ${table} SET n = n + 1 WHERE id = 1001`),
		client.query('COMMIT'),
	]);
	assert.deepEqual((await send()).map(({ status }) => status), ['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled']);
	const again = await send();
	assert.equal(again[1].value.rows[0].answer.status, 'duplicate');
	assert.equal(again[2].reason.code, 'TX003');
	assert.equal((await client.query(`SELECT n FROM ${table} WHERE id = 1001`)).rows[0].n, 1);
	client.release();
});

// A query builder: Knex.

import knex from 'knex';
import { columns, makeTable, scenarios } from './scenarios.js';

const table = 'knex_pages';
await makeTable(table);
const db = knex({ client: 'pg', connection: { host: process.env.PGHOST, port: process.env.PGPORT, user: process.env.PGUSER, database: process.env.PGDATABASE }, pool: { min: 0, max: 8 } });

const mapped = (row) => Object.fromEntries(columns.map((name) => [name, row[name]]));

scenarios({
	table,
	db,
	insert: (q, rows) => q(table).insert(rows),
	read: (q, id) => q(table).where({ id }).first(),
	save: (q, row) => q(table).where({ id: row.id }).update(mapped(row)),
	upsert: async (q, row) => (await q(table).insert(mapped(row)).onConflict('id').merge().returning('*'))[0],
	updateMany: (q, ids, values) => q(table).whereIn('id', ids).update(values),
	remove: (q, id) => q(table).where({ id }).delete(),
	call: async (q, name, ...values) => (await q.raw(`SELECT txsync.${name}(${values.map(() => '?')}) AS answer`, values)).rows[0].answer,
	databaseError: (error) => error,
	close: () => db.destroy(),
	transaction: (work) => db.transaction(work),
});

// An ORM: Drizzle. It wraps the driver's errors.

import { eq, inArray, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { customType, integer, jsonb, numeric, pgTable, text, timestamp } from 'drizzle-orm/pg-core';
import pg from 'pg';
import { columns, makeTable, scenarios } from './scenarios.js';

const table = 'drizzle_pages';
await makeTable(table);
const bytea = customType({ dataType: () => 'bytea' });
const pages = pgTable(table, {
	id: integer().primaryKey(),
	org_id: text(),
	title: text(),
	body: text(),
	n: integer().notNull().default(0),
	tags: jsonb(),
	price: numeric({ precision: 10, scale: 2 }),
	created_at: timestamp({ precision: 3, withTimezone: true }).notNull().defaultNow(),
	tx: jsonb(),
	tx_versions: bytea(),
});
const pool = new pg.Pool({ max: 8 });
const db = drizzle(pool);

const mapped = (row) => Object.fromEntries(columns.map((name) => [name, row[name]]));

scenarios({
	table,
	db,
	insert: (q, rows) => q.insert(pages).values(rows),
	read: async (q, id) => (await q.select().from(pages).where(eq(pages.id, id)))[0],
	save: (q, row) => q.update(pages).set(mapped(row)).where(eq(pages.id, row.id)),
	upsert: async (q, row) => (await q.insert(pages).values(mapped(row)).onConflictDoUpdate({ target: pages.id, set: mapped(row) }).returning())[0],
	updateMany: async (q, ids, values) => (await q.update(pages).set(values).where(inArray(pages.id, ids)).returning({ id: pages.id })).length,
	remove: (q, id) => q.delete(pages).where(eq(pages.id, id)),
	call: async (q, name, ...values) => {
		const list = sql.join(values.map((value) => sql`${value}`), sql`, `);
		return (await q.execute(sql`SELECT ${sql.raw(`txsync.${name}`)}(${list}) AS answer`)).rows[0].answer;
	},
	databaseError: (error) => error.cause,
	close: () => pool.end(),
	transaction: (work) => db.transaction(work),
});

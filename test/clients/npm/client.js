// What a program with the packages pgvector, pg and knex does, against intel:
// the only difference is the search_path. Prints TAP; the connection comes
// from PGHOST, PGPORT, PGUSER and PGDATABASE.

const assert = require('node:assert/strict');
const { Client } = require('pg');
const { registerTypes, toSql } = require('pgvector/pg');
const { SparseVector } = require('pgvector');
const Knex = require('knex');
require('pgvector/knex');

let count = 0;
let failed = 0;

async function test(name, body) {
	count++;
	try {
		await body();
		console.log(`ok ${count} - ${name}`);
	} catch (e) {
		failed++;
		console.log(`not ok ${count} - ${name}`);
		console.log(String(e.stack ?? e).replace(/^/gm, '# '));
	}
}

const ids = (result) => (result.rows ?? result).map((row) => row.id);

async function usePg(client) {
	await test('registerTypes finds the types', () => registerTypes(client));
	await client.query(`CREATE TABLE items (id bigserial PRIMARY KEY, embedding vector(3), half halfvec(3), bits bit(3), sparse sparsevec(3))`);

	await test('insert with parameters', async () => {
		const rows = [[1, 1, 1], [2, 2, 2], [1, 1, 2], [-1, 0, 0.5]];
		for (const row of rows) {
			await client.query('INSERT INTO items (embedding, half, bits, sparse) VALUES ($1, $2, $3, $4)',
				[toSql(row), toSql(row), row.map((x) => (x > 1 ? 1 : 0)).join(''), new SparseVector(row)]);
		}
		await client.query('INSERT INTO items (embedding) VALUES (NULL)');
	});
	await test('select gives arrays and sparse vectors', async () => {
		const { rows } = await client.query('SELECT * FROM items ORDER BY id');
		assert.deepEqual(rows[0].embedding, [1, 1, 1]);
		assert.deepEqual(rows[3].half, [-1, 0, 0.5]);
		assert.deepEqual(rows[3].sparse.toArray(), [-1, 0, 0.5]);
		assert.equal(rows[1].bits, '111');
		assert.equal(rows[4].embedding, null);
	});

	const query = toSql([1, 1, 1]);
	const orders = {
		'embedding <-> $1': [1, 3, 2, 4], 'embedding <#> $1': [2, 3, 1, 4], 'embedding <=> $1': [1, 2, 3, 4], 'embedding <+> $1': [1, 3, 2, 4],
		'half <-> $1': [1, 3, 2, 4], 'half <#> $1': [2, 3, 1, 4], 'half <=> $1': [1, 2, 3, 4], 'half <+> $1': [1, 3, 2, 4],
	};
	for (const [order, expected] of Object.entries(orders)) {
		await test(`order by ${order}`, async () => {
			const result = await client.query(`SELECT id::int FROM items WHERE embedding IS NOT NULL ORDER BY ${order}, id LIMIT 4`, [query]);
			assert.deepEqual(ids(result), expected);
		});
	}
	for (const operator of ['<->', '<#>', '<=>', '<+>']) {
		await test(`sparse ${operator} orders as the dense one`, async () => {
			const sql = (column) => `SELECT id::int FROM items WHERE embedding IS NOT NULL ORDER BY ${column} ${operator} $1, id`;
			assert.deepEqual(ids(await client.query(sql('sparse'), [new SparseVector([1, 0, 1])])),
				ids(await client.query(sql('embedding'), [toSql([1, 0, 1])])));
		});
	}
	for (const operator of ['<~>', '<%>']) {
		await test(`order by bits ${operator}`, async () => {
			const result = await client.query(`SELECT id::int FROM items WHERE bits IS NOT NULL ORDER BY bits ${operator} $1, id LIMIT 2`, ['111']);
			assert.deepEqual(ids(result), [2, 3]);
		});
	}
	await test('distances and similarities as numbers', async () => {
		const { rows } = await client.query('SELECT embedding <-> $1 AS l2, (embedding <#> $1) * -1 AS ip, 1 - (embedding <=> $1) AS cosine FROM items WHERE id = 2', [query]);
		assert.ok(Math.abs(rows[0].l2 - Math.sqrt(3)) < 1e-6);
		assert.equal(rows[0].ip, 6);
		assert.ok(Math.abs(rows[0].cosine - 1) < 1e-6);
	});
	await test('averages, sums and dimensions', async () => {
		const { rows } = await client.query('SELECT avg(embedding), sum(half), vector_dims($1::vector) AS dims FROM items', [query]);
		assert.deepEqual(rows[0].avg, [0.75, 1, 1.375]);
		assert.deepEqual(rows[0].sum, [3, 4, 5.5]);
		assert.equal(rows[0].dims, 3);
	});
	await test('COPY text out', async () => {
		const { rows } = await client.query('SELECT embedding::text AS t, sparse::text AS s FROM items WHERE id = 4');
		assert.deepEqual(rows[0], { t: '[-1,0,0.5]', s: '{1:-1,3:0.5}/3' });
	});
	await test('wrong dimensions are refused with SQLSTATE 22000', () =>
		assert.rejects(client.query('INSERT INTO items (embedding) VALUES ($1)', [toSql([1])]), { code: '22000' }));
	await test('a malformed vector is refused with SQLSTATE 22P02', () =>
		assert.rejects(client.query('SELECT $1::vector', ['{}']), { code: '22P02' }));
}

async function useKnex() {
	const knex = Knex({ client: 'pg', connection: {}, searchPath: ['intel', 'public'] });

	await test('knex creates a table', () => knex.schema.createTable('things', (table) => {
		table.increments('id');
		table.vector('embedding', 3);
		table.halfvec('half', 3);
		table.sparsevec('sparse', 3);
	}));
	await test('knex inserts', () => knex('things').insert([[1, 1, 1], [2, 2, 2], [1, 1, 2]].map((row) =>
		({ embedding: toSql(row), half: toSql(row), sparse: new SparseVector(row) }))));
	for (const [distance, expected] of Object.entries({ l2Distance: [1, 3, 2], maxInnerProduct: [2, 3, 1], cosineDistance: [1, 2, 3], l1Distance: [1, 3, 2] })) {
		await test(`knex orders by ${distance}`, async () => {
			for (const column of ['embedding', 'half']) {
				assert.deepEqual(ids(await knex('things').orderBy(knex[distance](column, [1, 1, 1])).orderBy('id')), expected);
			}
		});
	}
	await knex.destroy();
}

async function main() {
	const client = new Client();

	await client.connect();
	await client.query('SET search_path = intel, public');
	await usePg(client);
	await client.end();
	await useKnex();
	console.log(`1..${count}`);
	process.exitCode = failed ? 1 : 0;
}

main();

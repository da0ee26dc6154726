// Rows of a statement as node-postgres gives them, in three ways. Each line is
// the way, the time in ms since the statement was sent, and the first column.
//
//   node client.js STATEMENT        (connection from the PG* variables)
'use strict';

const { Client, Query } = require('pg');
const Cursor = require('pg-cursor');
const QueryStream = require('pg-query-stream');

const statement = process.argv[2];

function printer(way) {
	const start = process.hrtime.bigint();
	return (row) => {
		const ms = (process.hrtime.bigint() - start) / 1000000n;
		console.log(`${way}\t${ms}\t${Object.values(row)[0]}`);
	};
}

async function main() {
	const client = new Client();
	await client.connect();

	let print = printer('query');
	await new Promise((resolve, reject) => {
		const query = client.query(new Query(statement));
		query.on('row', print);
		query.on('end', resolve);
		query.on('error', reject);
	});

	print = printer('cursor');
	const cursor = client.query(new Cursor(statement));
	for (let rows = await cursor.read(1); rows.length > 0; rows = await cursor.read(1)) {
		rows.forEach(print);
	}
	await cursor.close();

	print = printer('stream');
	for await (const row of client.query(new QueryStream(statement, [], { batchSize: 1 }))) {
		print(row);
	}
	await client.end();
}

main().catch((error) => {
	console.error(error.message);
	process.exit(1);
});

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import type { S3 } from '../../src/storage/s3.ts'
import { temporaryFolder } from './temporary.ts'

let connection: Promise<DuckDBConnection> | undefined

/** Answers of DuckDB, as JSON values. One instance a process; it goes with it. */
export async function duckdb(sql: string): Promise<unknown[][]> {
  connection ??= DuckDBInstance.create(':memory:', { threads: '1' }).then(instance => instance.connect())
  return (await (await connection).runAndReadAll(sql)).getRowsJson()
}

/** A copy of what readers see of a bucket, as a folder: DuckDB's own way to S3 is an extension that it would have to download. */
export async function download(s3: S3, prefix: string): Promise<string> {
  const folder = temporaryFolder()
  for await (const page of s3.list(prefix)) {
    for (const { key } of page) {
      const file = join(folder, key.slice(prefix.length))
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, (await s3.get(key)) ?? '')
    }
  }
  return folder
}

import { S3Server, s3Missing } from '../../support/s3.ts'

/** Why there is no server, and its tests are skipped. */
export const missing = s3Missing()

/** The one server of the files in this folder. */
export let server: S3Server

export async function startServer(): Promise<void> {
  if (!missing) server = await S3Server.start()
}

export async function stopServer(): Promise<void> {
  await server?.stop()
}

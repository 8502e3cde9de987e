import { pack } from 'tar-stream';

export type Link = { name: string; type: 'symlink'; linkname: string };
export type Members = readonly (readonly [name: string | Link, bytes: Uint8Array | string])[];

/** The bytes of a tar archive of these members. */
export async function tarOf(members: Members): Promise<Buffer> {
  const archive = pack();
  for (const [name, bytes] of members) archive.entry(typeof name === 'string' ? { name } : name, Buffer.from(bytes));
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

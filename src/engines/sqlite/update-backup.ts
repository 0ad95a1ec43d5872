/**
 * The backup of a database file before its schema is updated: a copy of its pages, next to it. The file gets its name
 * only when it is complete and fsynced. An update that is killed and repeated makes the same file again.
 */

import { renameSync, rmSync, statfsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import Sqlite from 'better-sqlite3';
import { type EngineError, engineFault, refused } from '../../core/engine-error.ts';
import { UPDATE_COPY_PAGES, UPDATE_WAL_BYTES } from '../../core/limits.ts';
import { makeFile, syncFile, syncFolder } from '../../core/private-files.ts';
import { SCHEMA_VERSION } from './file/schema.ts';
import { engineError } from './file/storage-fault.ts';

/**
 * Call it when no other connection can write to the file.
 * @param version the schema of the file @param seq the last event in its log
 * @param note gets lines for the operator: what is being done, then how to go back
 * @returns when the backup survives a power cut
 * @throws EngineError if there is not enough space, and what node:fs or SQLite throws; then nothing is left of it
 */
export async function backUp(
  path: string,
  version: number,
  seq: number,
  note: (text: string) => void,
): Promise<void> {
  const backupPath = `${path}.schema-${version}-seq-${seq}`;
  const partialPath = `${path}.schema-${version}-partial`;
  // Left by a killed update. Without them, this one needs no more space than that one did.
  removeFiles(backupPath, partialPath);
  const source = new Sqlite(path, { readonly: true, fileMustExist: true });
  const number = (pragma: string) => source.pragma(pragma, { simple: true }) as number;
  const bytes = number('page_count') * number('page_size');
  try {
    if (freeBytes(path) < bytes + UPDATE_WAL_BYTES) throw noSpace(path, version, bytes);
    note(
      `${path} is updated from schema ${version} to ${SCHEMA_VERSION}: first, a backup of ${megabytes(bytes)} is made`,
    );
    makeFile(partialPath); // 0600; SQLite accepts an empty file
    await source.backup(partialPath, { progress: () => UPDATE_COPY_PAGES });
    leaveWalMode(partialPath);
    syncFile(partialPath);
    renameSync(partialPath, backupPath);
    syncFolder(dirname(path));
  } catch (error) {
    removeFiles(partialPath);
    if (engineFault(engineError(error)) === 'full') throw noSpace(path, version, bytes);
    throw error;
  } finally {
    source.close();
  }
  const name = basename(path);
  note(
    `the backup from before the update is ${backupPath}; to go back to the older version of this program, stop the server, move ${name}, ${name}-wal and ${name}-shm away, copy the backup to ${path}, and start the older version`,
  );
}

/** Without WAL mode there are no side files, and the backup can be read in a read-only folder. */
function leaveWalMode(path: string): void {
  const copy = new Sqlite(path);
  try {
    copy.pragma('journal_mode = DELETE');
  } finally {
    copy.close();
  }
}

/** Infinity if the file system does not tell. */
function freeBytes(path: string): number {
  const { blocks, bavail, bsize } = statfsSync(dirname(path));
  return blocks === 0 ? Number.POSITIVE_INFINITY : bavail * bsize;
}

function noSpace(path: string, version: number, bytes: number): EngineError {
  return refused(
    `${path} has schema ${version} and must be backed up before it is updated to schema ${SCHEMA_VERSION}: that needs ${megabytes(bytes + UPDATE_WAL_BYTES)} on its disk, and ${megabytes(freeBytes(path))} are free: free some space, or start the older version of this program again`,
  );
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`;
}

function removeFiles(...paths: readonly string[]): void {
  for (const path of paths)
    for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(path + suffix, { force: true });
}

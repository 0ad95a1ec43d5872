/**
 * The system calls of a program on its database files, as strace recorded them: every change with its bytes, and every
 * fsync. A call that changes these files in a way not supported here fails the test instead of being missed. The WAL's
 * index (`-shm`) is left out, because the first process that opens the database makes a new one.
 */

import assert from 'node:assert/strict';
import { basename, dirname } from 'node:path';
import { bytesOf, readSystemCalls, type SystemCall, straceTo } from './strace.ts';

/** Identifies a file or folder independently of its name. ABOVE is the parent of the database's folder. */
export type Inode = number;
export const ABOVE: Inode = 0;

interface Call {
  readonly startedAt: number;
  readonly startedMs: number;
  /** Infinity if it never returned. */
  readonly endedAt: number;
  /** The file or folder that it changes; an fsync of that makes the change durable. */
  readonly inode: Inode;
  /** The call and its target: `pwrite64 irisx.db-wal`. */
  readonly label: string;
}

export interface Write extends Call {
  readonly kind: 'write';
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export type DiskCall =
  | Write
  | (Call & { readonly kind: 'truncate'; readonly length: number })
  /** The folder `inode` gets an entry for the new file or folder. */
  | (Call & {
      readonly kind: 'make';
      readonly name: string;
      readonly made: Inode;
      readonly isFolder: boolean;
    })
  | (Call & { readonly kind: 'remove'; readonly name: string })
  | (Call & { readonly kind: 'sync' });

const EXPRESSED = 'openat,close,pwrite64,ftruncate,fsync,fdatasync,mkdir,unlink'.split(',');
const OTHER_CHANGES = (
  'open,creat,truncate,write,writev,pwritev,pwritev2,fallocate,copy_file_range,rename,renameat,renameat2,' +
  'link,linkat,symlink,symlinkat,unlinkat,mkdirat,rmdir,dup,dup2,dup3'
).split(',');

/** The command under which to start the program. @param recordPath is complete once the program's output has ended */
export function recordingTo(recordPath: string, databasePath: string): string[] {
  const folder = dirname(databasePath);
  const files = ['', '-wal', '-journal'].map((suffix) => databasePath + suffix);
  return straceTo(recordPath, {
    calls: [...EXPRESSED, ...OTHER_CHANGES],
    paths: [dirname(folder), folder, ...files],
    format: ['-xx', '-s', '100000'], // every string complete and in hexadecimal
  });
}

/** @param recordPaths the records of consecutive runs, the first from before the database's folder was made */
export function readDiskCalls(recordPaths: readonly string[], databasePath: string): DiskCall[] {
  const inodes = new Map([[dirname(dirname(databasePath)), ABOVE]]);
  const opened = new Map<number, { path: string; inode: Inode }>(); // by descriptor
  const inodeOf = (path: string) => {
    const inode = inodes.get(path);
    assert.ok(inode !== undefined, `${path}: the record does not contain its creation`);
    return inode;
  };
  const make = (call: SystemCall, path: string, isFolder: boolean): DiskCall => {
    const made = call.startedAt + 1; // unique
    inodes.set(path, made);
    const on = callOf(call, inodeOf(dirname(path)), path);
    return { kind: 'make', name: basename(path), made, isFolder, ...on };
  };

  return readSystemCalls(recordPaths).flatMap((call): DiskCall[] => {
    const { name, args, result } = call;
    const [first = '', second = '', third = '', fourth] = args;
    if (result !== undefined && result < 0) return [];
    if (name === 'openat') {
      const path = String(bytesOf(second));
      const made = third.includes('O_CREAT') && !inodes.has(path) ? [make(call, path, false)] : [];
      if (result !== undefined) opened.set(result, { path, inode: inodeOf(path) });
      return made;
    }
    if (name === 'mkdir') return [make(call, String(bytesOf(first)), true)];
    if (name === 'unlink') {
      const path = String(bytesOf(first));
      inodes.delete(path);
      return [{ kind: 'remove', name: basename(path), ...callOf(call, inodeOf(dirname(path)), path) }];
    }
    const descriptor = Number(first);
    if (name === 'close') {
      opened.delete(descriptor);
      return [];
    }
    const file = opened.get(descriptor);
    assert.ok(file !== undefined, `${name}(${args[0]}): the record does not contain its opening`);
    const on = callOf(call, file.inode, file.path);
    if (name === 'fsync' || name === 'fdatasync') return [{ kind: 'sync', ...on }];
    if (name === 'ftruncate') return [{ kind: 'truncate', length: Number(second), ...on }];
    if (name === 'pwrite64') {
      const bytes = bytesOf(second);
      assert.equal(bytes.length, Number(third), 'a write is recorded completely');
      assert.equal(result ?? bytes.length, bytes.length, 'a write was short');
      return [{ kind: 'write', offset: Number(fourth), bytes, ...on }];
    }
    return assert.fail(`${name} ${file.path}: a change that is not supported here`);
  });
}

function callOf({ name, startedAt, startedMs, endedAt }: SystemCall, inode: Inode, path: string): Call {
  const shown = inode === ABOVE ? 'the parent folder' : basename(path);
  return { startedAt, startedMs, endedAt, inode, label: `${name} ${shown}` };
}

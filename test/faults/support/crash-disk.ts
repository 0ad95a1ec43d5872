/**
 * A disk that loses power: replays recorded calls and works out what may be on it afterwards. Changes covered by a
 * completed fsync of their file or folder are there. Each later change is there or not, independently of the others,
 * whatever their order. A write may also be there only in some of its sectors. A file's name is a change of its
 * folder. This is worse than a real disk.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Random } from '../../support/random.ts';
import { ABOVE, type DiskCall, type Inode, type Write } from './disk-calls.ts';

const SECTOR_BYTES = 512;

/** Files by their path relative to the parent of the database's folder; a folder has no bytes. */
export type Image = Map<string, Uint8Array | 'folder'>;

export interface CrashDisk {
  /** Replays up to the point where call `index` has started but not returned. Cannot go back. */
  playTo(index: number): void;
  /** What a power cut at this point may leave. */
  cut(random: Random): Image;
  /** What the files contain without a power cut. */
  read(): Image;
}

/** Decides about a change that no fsync covers: calls `apply` with the parts that reached the disk. */
type Fate = (call: DiskCall, apply: (part: DiskCall) => void) => void;

/** The share of changes that reach the disk, and of writes that reach it in part: each image picks one of each. */
const KEPT_SHARES = [0, 0.1, 0.5, 0.9, 1];
const TORN_SHARES = [0, 0.1, 1];

export function openCrashDisk(calls: readonly DiskCall[]): CrashDisk {
  const durable = new Contents();
  let pending: DiskCall[] = [];
  let next = 0;

  function complete(sync: DiskCall): void {
    pending = pending.filter((call) => {
      if (call === sync) return false;
      const isCovered = call.inode === sync.inode && call.endedAt < sync.startedAt;
      if (isCovered) durable.apply(call);
      return !isCovered;
    });
  }

  function imageOf(fate: Fate): Image {
    const contents = durable.copy();
    for (const call of pending) fate(call, (part) => contents.apply(part));
    return contents.image();
  }

  return {
    playTo(index) {
      for (; next <= index; next++) {
        const call = calls[next] as DiskCall;
        for (const sync of pending.filter(({ kind, endedAt }) => kind === 'sync' && endedAt < call.startedAt))
          complete(sync);
        pending.push(call);
      }
    },
    cut(random) {
      const kept = random.pick(KEPT_SHARES);
      const torn = random.pick(TORN_SHARES);
      return imageOf((call, apply) => {
        if (call.kind === 'write' && random.chance(torn)) {
          for (const sector of sectorsOf(call)) if (random.chance(0.5)) apply(sector);
        } else if (random.chance(kept)) apply(call);
      });
    },
    read: () => imageOf((call, apply) => apply(call)),
  };
}

function sectorsOf(call: Write): Write[] {
  const parts: Write[] = [];
  for (let from = 0; from < call.bytes.length; ) {
    const to = from + SECTOR_BYTES - ((call.offset + from) % SECTOR_BYTES);
    parts.push({ ...call, offset: call.offset + from, bytes: call.bytes.subarray(from, to) });
    from = to;
  }
  return parts;
}

/** Writes an image's files into an empty folder. */
export function writeImage(image: Image, folder: string): void {
  for (const [path, content] of image) {
    if (content === 'folder') mkdirSync(join(folder, path), { recursive: true });
    else {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), content);
    }
  }
}

/** The bytes of files and the names in folders. */
class Contents {
  readonly #bytes = new Map<Inode, { buffer: Buffer; length: number }>();
  readonly #names = new Map<Inode, Map<string, Inode>>();

  apply(call: DiskCall): void {
    if (call.kind === 'make') {
      this.#namesIn(call.inode).set(call.name, call.made);
      if (call.isFolder) this.#namesIn(call.made);
    }
    if (call.kind === 'remove') this.#namesIn(call.inode).delete(call.name);
    if (call.kind === 'truncate') this.#setLength(call.inode, call.length);
    if (call.kind === 'write') {
      const end = call.offset + call.bytes.length;
      if (end > this.#bytesOf(call.inode).length) this.#setLength(call.inode, end);
      this.#bytesOf(call.inode).buffer.set(call.bytes, call.offset);
    }
  }

  #namesIn(folder: Inode): Map<string, Inode> {
    const names = this.#names.get(folder) ?? new Map<string, Inode>();
    this.#names.set(folder, names);
    return names;
  }

  #bytesOf(file: Inode): { buffer: Buffer; length: number } {
    return this.#bytes.get(file) ?? { buffer: Buffer.alloc(0), length: 0 };
  }

  /** Bytes between the old end and a new end are zero. */
  #setLength(inode: Inode, length: number): void {
    const { buffer, length: before } = this.#bytesOf(inode);
    const large = length <= buffer.length ? buffer : Buffer.concat([buffer], 2 * length);
    if (length < before) large.fill(0, length, before);
    this.#bytes.set(inode, { buffer: large, length });
  }

  copy(): Contents {
    const copy = new Contents();
    for (const [inode, { buffer, length }] of this.#bytes)
      copy.#bytes.set(inode, { buffer: Buffer.from(buffer.subarray(0, length)), length });
    for (const [inode, names] of this.#names) copy.#names.set(inode, new Map(names));
    return copy;
  }

  image(): Image {
    const image: Image = new Map();
    const walk = (folder: Inode, above: string) => {
      for (const [name, inode] of this.#names.get(folder) ?? []) {
        const path = join(above, name);
        const { buffer, length } = this.#bytesOf(inode);
        image.set(path, this.#names.has(inode) ? 'folder' : buffer.subarray(0, length));
        walk(inode, path);
      }
    };
    walk(ABOVE, '');
    return image;
  }
}

/**
 * Every limit of the receiver, with its unit last in the name and its reason beside it.
 * What an operator may change is in config.ts; what is here follows from the sender's behaviour or from
 * what a small VM can hold. `checkLimits` states how they depend on each other.
 */

// --- the sender -------------------------------------------------------------------------------------------

/** The sender counts a delivery as failed when it has no answer after this. */
export const SENDER_TIMEOUT_MS = 10_000;

// --- HTTP: reading ----------------------------------------------------------------------------------------

/** All headers of one request. The sender's take about 600 bytes; proxies add cookies and forwarding lines. */
export const HEADERS_BYTES_MAX = 16 * 1024;
/** From the first byte to the last header: a sender on any working line needs milliseconds. */
export const HEADERS_TIMEOUT_MS = 5_000;
/** From the first byte to the last of the body; below the sender's patience, so that a slow body gets a 408. */
export const REQUEST_TIMEOUT_MS = 8_000;
/** How often node:http looks for requests that have outlived the two timeouts above. */
export const TIMEOUT_CHECK_MS = 1_000;
/** A kept-alive connection without a request; longer than the 60 s for which common proxies keep theirs. */
export const KEEP_ALIVE_MS = 65_000;
/** A connection with nothing read or written while a request is under way, the writer's wait included. */
export const SOCKET_IDLE_MS = 12_000;
/** The writing of one answer: it is smaller than any socket buffer, so only a reader that has stopped takes long. */
export const ANSWER_WRITE_MS = 5_000;
/** After an early refusal the rest of the request is read and dropped this long, so that the answer arrives whole. */
export const LINGER_MS = 1_000;
/**
 * Requests under way beyond which a client must have its answer before it sends its next. Senders do so anyway; one
 * that does not, and reads no answers, would have requests of 16 KiB held for it, dozens a connection.
 */
export const PIPELINING_REQUESTS_MAX = 2048;
/** Bodies being read or waiting for the writer, together: what 64 requests of the largest default size take. */
export const BUFFERED_BODIES_BYTES_MAX = 64 * 1024 * 1024;
/** Pieces that one body may come in: each costs about 100 bytes beside its own, and 1-byte chunks would fill the memory. */
export const BODY_PIECES_MAX = 4096;
/** Larger bodies may come in more pieces, of this size on average: a fifth of a network packet. */
export const BODY_PIECE_BYTES = 256;
/** Sockets the process holds at once; an idle one costs about 10 KiB. */
export const CONNECTIONS_MAX = 20_000;
/** Connections that the kernel keeps for us until they are accepted: a burst, or a restart with a held socket. */
export const LISTEN_QUEUE_MAX = 1024;
/** Sockets one client address may hold, unless it is a trusted proxy. The sender opens about ten. */
export const CONNECTIONS_PER_CLIENT_MAX = 1_000;
/** `?challenge=`: longer texts are not a sender's check. */
export const CHALLENGE_CHARS_MAX = 256;
/** What `Retry-After` says with a 503: storage is looked at again each second. */
export const RETRY_AFTER_S = 1;

// --- rate limiter -----------------------------------------------------------------------------------------

/** Clients whose counts are kept for one window; at about 150 bytes each this is 15 MB. */
export const RATE_LIMIT_CLIENTS_MAX = 100_000;
/** A client over its limit is still verified when its body is at most this; real deliveries are a few KiB. */
export const VERIFY_OVER_LIMIT_BYTES_MAX = 64 * 1024;

// --- threads ----------------------------------------------------------------------------------------------

/** New objects of a thread, three times what `--max-semi-space-size` counts; V8 would let them grow beyond 100 MiB. */
export const THREAD_YOUNG_HEAP_BYTES = 12 * 1024 * 1024;

// --- writer -----------------------------------------------------------------------------------------------

/** Deliveries of one transaction: large enough to share an fsync, small enough for a commit of some 20 ms. */
export const BATCH_DELIVERIES_MAX = 512;
/** Batches that the writer thread has at once: one that commits, and one that it finds ready after it. */
export const BATCHES_IN_FLIGHT_MAX = 2;
/** The second of them is sent when so many wait: fewer would cost an fsync more than they save. */
export const BATCH_AHEAD_DELIVERIES_MIN = 16;
/** Body bytes of one transaction (a single larger body makes a batch of its own). */
export const BATCH_BYTES_MAX = 8 * 1024 * 1024;
/** Deliveries waiting for the writer: about half a second of its work. */
export const QUEUE_DELIVERIES_MAX = 10_000;
/** Body bytes waiting for the writer. */
export const QUEUE_BYTES_MAX = 64 * 1024 * 1024;
/** How long SQLite waits for another process's write lock before a batch is refused with 503. */
export const BUSY_TIMEOUT_MS = 3_000;
/** Within that time it is looked this often whether the lock is free: a rebuild's pauses are five times as long and more. */
export const LOCK_LOOK_US = 200;
/** While storage fails, a small real write is tried this often, so that recovery needs no traffic. */
export const STORAGE_RETRY_MS = 1_000;
/**
 * The WAL is checkpointed when it has outgrown this, or after an attempt that was held up has grown by it, and is cut
 * back to it when it starts over. The next batch waits for the checkpoint: some 10 ms.
 */
export const WAL_CHECKPOINT_BYTES = 4 * 1024 * 1024;
/** Rows of one projection kept in memory between batches, at about 1 KiB: the calls of the last minutes. */
export const ROWS_KEPT_MAX = 2048;
/** Events read from the log at once: with bodies of the largest default size 100 MiB. A lagging table gets as many before each batch. */
export const LOG_RANGE_EVENTS = 100;

// --- shutdown ---------------------------------------------------------------------------------------------

/** After SIGTERM, bodies still unfinished are cut with a 503 at this. */
export const DRAIN_CUT_MS = 4_000;
/** After SIGTERM, connections that have never sent a byte are closed at this: what was on its way has come. */
export const DRAIN_SILENT_MS = 500;
/** After SIGTERM, how long SQLite waits for another process's write lock, the last checkpoint's wait included. */
export const DRAIN_BUSY_TIMEOUT_MS = 250;
/** From then on it is looked this often whether every answer has left. */
export const DRAIN_LOOK_MS = 50;
/** After SIGTERM the process ends by force at this; supervisors kill at 10 s. */
export const DRAIN_MAX_MS = 5_000;
/** After a storage fault whose outcome is unknown, the time for answers to leave before the process ends. */
export const FATAL_FLUSH_MS = 500;

// --- log lines --------------------------------------------------------------------------------------------

/** Output that waits for its reader; beyond it lines are dropped and counted, so that a stalled one costs no memory. */
export const LOG_WAITING_BYTES_MAX = 1024 * 1024;
/** A piece of text from outside (path, type, id) in a log line or an answer is cut to this. */
export const LOGGED_TEXT_CHARS_MAX = 256;
/** Requests that record no delivery (refusals, health checks) logged in one second; the rest is counted in one line. */
export const LOGGED_REFUSALS_PER_SECOND_MAX = 50;
/** The shortest time between two warnings of the same kind. */
export const REPEATED_WARNING_MS = 60_000;

// --- events -----------------------------------------------------------------------------------------------

/** An event type: the sender's longest has 24 characters. */
export const EVENT_TYPE_CHARS_MAX = 128;

// --- rebuild ----------------------------------------------------------------------------------------------

/** A rebuild's transaction on the live file while others write: their batches wait for it. */
export const REBUILD_WRITE_MS = 1;
/** The same while nobody else writes: the first batch that comes waits for it, and a page of an index is written less often. */
export const REBUILD_ALONE_MS = 20;
/** Work without a lock between two pauses while others write: it takes a processor from them. */
export const REBUILD_COMPUTE_MS = 5;
/** How much longer than the work before it a pause is: the deliveries that have piled up meanwhile take theirs. */
export const REBUILD_PAUSE_TIMES = 2;
/** Rows written in the first of these transactions; later ones adapt to the time that it took. */
export const REBUILD_ROWS_FIRST = 100;
/** The fewest, however slow the machine. */
export const REBUILD_ROWS_MIN = 10;
/** Events folded in memory before their rows are written: most subjects' events are in one such piece. */
export const REBUILD_FOLD_EVENTS = 5_000;
/** The last transaction of a rebuild folds at most this many events before the swap. */
export const REBUILD_REMAINDER_EVENTS_MAX = 50;
/** A server that finds a rebuild under way in another process looks again after this. */
export const REBUILD_RETRY_MS = 5_000;
/** After a rebuild has failed: it reads the whole log, and what was wrong is seldom mended by itself. */
export const REBUILD_FAILED_RETRY_MS = 600_000;

// --- handlers ---------------------------------------------------------------------------------------------

/** After a run's first failure; doubled after each further one. */
export const RUN_RETRY_FIRST_MS = 1_000;
/** The longest time between two attempts. */
export const RUN_RETRY_LAST_MS = 3_600_000;
/** Then a run is dead, after about half an hour: what is down for longer is for a person to see. */
export const RUN_ATTEMPTS_MAX = 12;
/** An error's text is cut to this in the state file. */
export const RUN_ERROR_CHARS_MAX = 1_000;
/** Events that may be started beyond those that have all ended: so many may run again after a crash. */
export const RUNS_AHEAD_EVENTS_MAX = 1_000;
/** Events read from the log at once for handlers: with bodies of the largest default size 32 MiB. */
export const HANDLER_READ_EVENTS_MAX = 32;
/** State is written so long after a change at the latest; a crash makes what ended since then run again. */
export const RUN_STATE_WRITE_MS = 100;
/** How often the handlers' thread looks for what no message tells: events and commands of other processes. */
export const HANDLERS_LOOK_MS = 1_000;
/** After a wake the thread looks this much later, so that a burst of commits wakes it a few times only. */
export const HANDLERS_WAKE_MS = 20;
/** Warnings of handlers logged in one second; the rest is counted in one line. */
export const LOGGED_FAILURES_PER_SECOND_MAX = 10;
/** A thread that does not yield for the time that a run may take and this is ended. */
export const HANDLERS_UNYIELDING_MS = 2_000;
/** Between the end of a thread of handlers that has died and the start of the next; doubled while they go on dying. */
export const HANDLERS_RESTART_FIRST_MS = 1_000;
/** The longest such time. */
export const HANDLERS_RESTART_LAST_MS = 60_000;
/** A module of handlers must have loaded within this. */
export const HANDLERS_LOAD_MS = 10_000;
/** After SIGTERM runs under way may take so long to end; the others run again after the next start. */
export const HANDLERS_CLOSE_MS = 1_000;
/** Memory of the handlers' code, beyond which its thread is ended: a leak there is not the receiver's. */
export const HANDLERS_HEAP_BYTES = 256 * 1024 * 1024;
/** A forward target's answer is waited for so long; as long as the standard's own senders wait. */
export const FORWARD_TIMEOUT_MS = 15_000;

/**
 * Relations between limits that the design depends on.
 * @param bodyBytesMax the configured `MAX_BODY_BYTES`, in bytes
 * @returns one sentence for each relation that does not hold; empty when all do
 */
export function checkLimits(bodyBytesMax: number): string[] {
  const relations: [boolean, string][] = [
    [HEADERS_TIMEOUT_MS <= REQUEST_TIMEOUT_MS, 'HEADERS_TIMEOUT_MS must be at most REQUEST_TIMEOUT_MS'],
    [REQUEST_TIMEOUT_MS < SENDER_TIMEOUT_MS, 'REQUEST_TIMEOUT_MS must be below SENDER_TIMEOUT_MS'],
    [SOCKET_IDLE_MS > REQUEST_TIMEOUT_MS, 'SOCKET_IDLE_MS must be above REQUEST_TIMEOUT_MS'],
    [BUSY_TIMEOUT_MS < SENDER_TIMEOUT_MS, 'BUSY_TIMEOUT_MS must be below SENDER_TIMEOUT_MS'],
    [
      BUSY_TIMEOUT_MS + (BATCHES_IN_FLIGHT_MAX + 1) * DRAIN_BUSY_TIMEOUT_MS < DRAIN_MAX_MS,
      'BUSY_TIMEOUT_MS and three times DRAIN_BUSY_TIMEOUT_MS must be below DRAIN_MAX_MS',
    ],
    [
      DRAIN_CUT_MS + 2 * DRAIN_BUSY_TIMEOUT_MS < DRAIN_MAX_MS,
      'DRAIN_CUT_MS and twice DRAIN_BUSY_TIMEOUT_MS must be below DRAIN_MAX_MS',
    ],
    [BATCH_BYTES_MAX <= QUEUE_BYTES_MAX, 'BATCH_BYTES_MAX must be at most QUEUE_BYTES_MAX'],
    [
      bodyBytesMax <= BUFFERED_BODIES_BYTES_MAX / 4,
      `MAX_BODY_BYTES must be at most ${BUFFERED_BODIES_BYTES_MAX / 4}, a quarter of what all bodies together may take`,
    ],
  ];
  return relations.filter(([holds]) => !holds).map(([, sentence]) => sentence);
}

// --- admin ------------------------------------------------------------------------------------------------

/** Sockets of the admin listener: a few people and a scraper. */
export const ADMIN_CONNECTIONS_MAX = 64;
/** A page that takes longer is given up, and its thread ended: it reads one log, not the world. */
export const PAGE_MS_MAX = 30_000;
/** Pages asked for and not answered yet; more are refused with 503: each waits for those before it. */
export const PAGES_WAITING_MAX = 32;
/** The thread that makes pages ends after this long without a request: an open page asks every 30 s. */
export const PAGES_IDLE_MS = 90_000;
/** How often an open page loads itself anew. */
export const PAGE_REFRESH_S = 30;
/** Memory of the thread that makes pages, beyond which it is ended: a page is some 100 KiB. */
export const PAGES_HEAP_BYTES = 128 * 1024 * 1024;
/** An admin token is as good as a password that nobody has to remember. */
export const ADMIN_TOKEN_CHARS_MIN = 16;
/** Then a browser needs the token again: seldom enough for daily use, and a browser left open elsewhere does not keep access. */
export const ADMIN_COOKIE_S = 7 * 24 * 60 * 60;
/** How often the main thread's delay is looked at: four small timers a second, 3 ms of processor time in 10 s. */
export const EVENT_LOOP_LOOK_MS = 250;
/** Its delay is told of the last one or two of these. */
export const EVENT_LOOP_WINDOW_MS = 60_000;

// --- questions of people ----------------------------------------------------------------------------------

/** Events that one search looks at, about a fifth of a second's work; then it says where to go on. */
export const SEARCH_EVENTS_MAX = 200_000;
/** Of these at once: a reader holds the WAL no longer than that takes. */
export const SEARCH_PIECE_EVENTS = 10_000;
/** Events of one row that are looked at to explain it: a call has about ten. */
export const EXPLAIN_EVENTS_MAX = 10_000;
/** The stretch of the log in which they are looked for, back from the last one: about a fifth of a second's work. */
export const EXPLAIN_RANGE_EVENTS_MAX = 200_000;

// --- backup -----------------------------------------------------------------------------------------------

/** Events copied in one transaction of a backup: with bodies of the largest default size 100 MiB. */
export const BACKUP_PIECE_EVENTS = 100;

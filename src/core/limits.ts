/**
 * All limits of the receiver: every number that bounds time, memory or work, the tuning of the engines included. Each
 * name ends with the unit, and each comment gives the reason. Settings for operators are in config.ts. The limits here
 * follow from the sender's behavior or from the capacity of a small VM; a test checks the relations between them.
 */

// --- the sender -------------------------------------------------------------------------------------------

/** The sender counts a delivery as failed if it gets no answer within this time. */
export const SENDER_TIMEOUT_MS = 10_000;

// --- HTTP: reading ----------------------------------------------------------------------------------------

/** All headers of one request. The sender's take about 600 bytes; proxies add cookies and forwarding headers. */
export const HEADERS_BYTES_MAX = 16 * 1024;
/** From the first byte to the last header: on any working connection a sender needs only milliseconds. */
export const HEADERS_TIMEOUT_MS = 5_000;
/** From the first byte to the end of the body; below the sender's timeout, so that a slow body gets a 408. */
export const REQUEST_TIMEOUT_MS = 8_000;
/** How often node:http checks for requests that have exceeded the two timeouts above. */
export const TIMEOUT_CHECK_MS = 1_000;
/** Idle time of a keep-alive connection; longer than the 60 s for which common proxies keep theirs. */
export const KEEP_ALIVE_MS = 65_000;
/** Time without any read or write on a connection during a request, including the wait for the writer. */
export const SOCKET_IDLE_MS = 12_000;
/** Time to write one answer. An answer fits into any socket buffer, so it takes longer only if the client does not read. */
export const ANSWER_WRITE_MS = 5_000;
/** How long the rest of a request is read and dropped after an early refusal, so that the answer arrives complete. */
export const LINGER_MS = 1_000;
/**
 * Above this total number of requests in progress, pipelining is refused: a client must wait for each answer. Normal
 * senders do so anyway. A client that pipelines and reads no answers would hold dozens of 16 KiB requests per
 * connection.
 */
export const PIPELINING_REQUESTS_MAX = 1024;
/**
 * All bodies being read or waiting for the writer, so the writer's queue needs no limit in bytes. Enough for 64 requests
 * of the largest default size.
 */
export const BUFFERED_BODIES_BYTES_MAX = 64 * 1024 * 1024;
/** Largest `MAX_BODY_BYTES` that can be set: a few slow senders of such bodies must not use up all of that memory. */
export const BODY_BYTES_MAX = BUFFERED_BODIES_BYTES_MAX / 4;
/** Chunks of one body. Each costs about 100 bytes in addition to its data, so 1-byte chunks would fill the memory. */
export const BODY_PIECES_MAX = 4096;
/** Larger bodies may have more chunks, of this average size: a fifth of a network packet. */
export const BODY_PIECE_BYTES = 256;
/** Sockets the process holds at once; an idle one costs about 10 KiB. */
export const CONNECTIONS_MAX = 20_000;
/** Connections that the kernel queues until they are accepted: for a burst, or a restart with a held socket. */
export const LISTEN_QUEUE_MAX = 1024;
/** Sockets one client address may hold, unless it is a trusted proxy. The sender opens about ten. */
export const CONNECTIONS_PER_CLIENT_MAX = 1_000;
/** Length of `?challenge=`: no sender's check uses longer texts. */
export const CHALLENGE_CHARS_MAX = 256;
/** `Retry-After` of a 503: storage is retried every second. */
export const RETRY_AFTER_S = 1;

// --- rate limiter -----------------------------------------------------------------------------------------

/** Clients whose counts are kept for one window; about 150 bytes each, 15 MB in total. */
export const RATE_LIMIT_CLIENTS_MAX = 100_000;
/** Above its rate limit, a client's request is still verified if its body is at most this; deliveries are a few KiB. */
export const VERIFY_OVER_LIMIT_BYTES_MAX = 64 * 1024;

// --- threads ----------------------------------------------------------------------------------------------

/** Young generation of a thread, three times `--max-semi-space-size`; V8's default would let it exceed 100 MiB. */
export const THREAD_YOUNG_HEAP_BYTES = 12 * 1024 * 1024;

// --- writer -----------------------------------------------------------------------------------------------

/** Deliveries in one transaction: large enough to share an fsync, small enough for a commit of about 20 ms. */
export const BATCH_DELIVERIES_MAX = 512;
/** Batches in the writer thread at the same time: one being committed, and one ready to follow. */
export const BATCHES_IN_FLIGHT_MAX = 2;
/** The second batch is sent once this many deliveries wait: for fewer, the extra fsync costs more than it saves. */
export const BATCH_AHEAD_DELIVERIES_MIN = 16;
/** Body bytes in one transaction (a single larger body gets its own batch). */
export const BATCH_BYTES_MAX = 8 * 1024 * 1024;
/** Deliveries waiting for the writer: about half a second of work. */
export const QUEUE_DELIVERIES_MAX = 10_000;
/** How long SQLite waits for another process's write lock before a batch is refused with 503. */
export const BUSY_TIMEOUT_MS = 3_000;
/** How often the lock is polled within that time: a rebuild pauses for at least five times as long. */
export const LOCK_POLL_US = 200;
/** Attempts to open a file that another process is opening, or to checkpoint while another process does. */
export const FILE_ATTEMPTS_MAX = 20;
/** Time between two of these attempts. */
export const FILE_RETRY_MS = 100;
/** Pages copied at once for the backup before an update of the schema: 16 MiB, so that signals are handled in between. */
export const UPDATE_COPY_PAGES = 4096;
/** Space that such an update needs in addition to its backup: its own writes go to the WAL. */
export const UPDATE_WAL_BYTES = 4 * 1024 * 1024;
/** Size of the write that shows whether storage works: eight pages, so that it also finds out about a full disk. */
export const PROBE_BYTES = 32 * 1024;
/** While storage fails, a small real write is tried this often, so that recovery does not depend on traffic. */
export const STORAGE_RETRY_MS = 1_000;
/**
 * The WAL is checkpointed when it exceeds this size. After a blocked attempt it may grow by this size again. When it
 * starts over, it is truncated to this size. The next batch waits for the checkpoint, about 10 ms.
 */
export const WAL_CHECKPOINT_BYTES = 4 * 1024 * 1024;
/** Rows of one projection cached between batches, about 1 KiB per call: the calls of the last minutes. */
export const ROWS_KEPT_BYTES_MAX = 2 * 1024 * 1024;
/** Maximum number of events read from the log at once. A lagging table is caught up by this many before each batch. */
export const LOG_READ_EVENTS_MAX = 100;
/** Body bytes read from the log at once: a read ends with the event that reaches this size. */
export const LOG_READ_BYTES_MAX = 4 * 1024 * 1024;

// --- shutdown ---------------------------------------------------------------------------------------------

/** Time after SIGTERM when requests with unfinished bodies are answered with 503. */
export const DRAIN_CUT_MS = 4_000;
/** Time after SIGTERM when connections without a single byte are closed: bytes in transit have arrived by then. */
export const DRAIN_SILENT_MS = 500;
/** How long SQLite waits for another process's write lock after SIGTERM, for the last checkpoint too. */
export const DRAIN_BUSY_TIMEOUT_MS = 250;
/** How often the shutdown checks, after DRAIN_CUT_MS, whether all answers have been sent. */
export const DRAIN_POLL_MS = 50;
/** Time after SIGTERM when the process is forced to exit; supervisors kill it after 10 s. */
export const DRAIN_MAX_MS = 5_000;
/** Time to send answers before the process exits after a storage fault with an unknown outcome. */
export const FATAL_FLUSH_MS = 500;

// --- log lines --------------------------------------------------------------------------------------------

/** Log output waiting for its reader. Further lines are dropped and counted, so a stalled reader costs no memory. */
export const LOG_WAITING_BYTES_MAX = 1024 * 1024;
/** A piece of external text (path, type, id) in a log line or an answer is cut to this length. */
export const LOGGED_TEXT_CHARS_MAX = 256;
/** Logged requests per second that record no delivery (refusals, health checks); the rest are counted in one line. */
export const LOGGED_REFUSALS_PER_SECOND_MAX = 50;
/** Minimum time between two warnings of the same kind. */
export const REPEATED_WARNING_MS = 60_000;

// --- events -----------------------------------------------------------------------------------------------

/** Length of an event type; the sender's longest has 24 characters. */
export const EVENT_TYPE_CHARS_MAX = 128;
/** Length of a time as text; the longest format that is read has about 40 characters. */
export const STATED_TIME_CHARS_MAX = 64;
/** How much later than its signing an event can say that it occurred: a clock that is ahead must not win forever. */
export const TIME_AHEAD_MAX_MS = 3_600_000;
/** How much earlier an opt-out can say that it was sent: a wrong clock must not let it lose to an older opt-in. */
export const TIME_BEHIND_MAX_MS = 7 * 86_400_000;
/** Length of a phone number with its separators. Normalizing longer text of many accents would take minutes. */
export const PHONE_NUMBER_CHARS_MAX = 256;
/** Length of a row's key; an index of PostgreSQL takes about 2,700 bytes. Real ids have fewer than 100. */
export const ROW_KEY_BYTES_MAX = 512;
/** Depth of a body that is shown indented: deeper than any real event. The size grows with the square of the depth. */
export const INDENTED_DEPTH_MAX = 64;

// --- rebuild ----------------------------------------------------------------------------------------------

/** Length of a rebuild's transaction on the live file while others write, because their batches wait for it. */
export const REBUILD_WRITE_MS = 1;
/** The same while nobody else writes: only the next batch waits for it, and index pages are rewritten less often. */
export const REBUILD_ALONE_MS = 20;
/** Work without a lock between two pauses while others write, because it takes processor time from them. */
export const REBUILD_COMPUTE_MS = 5;
/** A pause lasts this many times as long as the work before it, so that waiting deliveries can be written. */
export const REBUILD_PAUSE_TIMES = 2;
/** Rows written in the first of these transactions; later ones adapt to the measured time. */
export const REBUILD_ROWS_FIRST = 100;
/** Minimum number of rows, even on a slow machine. */
export const REBUILD_ROWS_MIN = 10;
/** Events folded in memory before their rows are written; most subjects' events fit into one such piece. */
export const REBUILD_FOLD_EVENTS = 5_000;
/** A comparison folds at most this many events within its one long read: a fraction of a second's work. */
export const COMPARE_REMAINDER_EVENTS_MAX = 5_000;
/** Differences of one table that a comparison lists; the rest are only counted. */
export const DIFFERENCES_LISTED_MAX = 10;
/** The last transaction of a rebuild folds at most this many events before the swap. */
export const REBUILD_REMAINDER_EVENTS_MAX = 50;
/**
 * Memory limit of the rebuild thread. Bodies of the largest permitted size need about 400 MiB. With bodies of the
 * default size, a limit makes V8 collect garbage earlier: 200 MiB for the whole process instead of 300.
 */
export const REBUILD_HEAP_BYTES = 512 * 1024 * 1024;
/** If another process is rebuilding, a server checks again after this time. */
export const REBUILD_RETRY_MS = 5_000;
/** Time before a failed rebuild is retried: it reads the whole log, and the cause seldom goes away by itself. */
export const REBUILD_FAILED_RETRY_MS = 600_000;

// --- handlers ---------------------------------------------------------------------------------------------

/** Delay after the first failed run for an event; doubled after each further one. */
export const RUN_RETRY_FIRST_MS = 1_000;
/** Maximum delay between two runs for an event. */
export const RUN_RETRY_LAST_MS = 3_600_000;
/** An event is dead after this many failed runs, about half an hour. A longer outage needs a person. */
export const RUN_ATTEMPTS_MAX = 12;
/** An error's text is cut to this length in the state file. */
export const RUN_ERROR_CHARS_MAX = 1_000;
/** Events that may be started beyond a consumer's position: at most about this many run again after a crash. */
export const RUNS_AHEAD_EVENTS_MAX = 1_000;
/** Body bytes of events that wait in memory for a run of their subject. Above it, no more events are read. */
export const RUNS_WAITING_BYTES_MAX = 4 * 1024 * 1024;
/** Events read from the log at once for handlers, within LOG_READ_BYTES_MAX. */
export const HANDLER_READ_EVENTS_MAX = 32;
/** Events that a dispatcher handles before it lets the thread do other work. */
export const HANDLERS_TURN_EVENTS_MAX = 256;
/** The state is written at most this long after a change; after a crash, runs that ended since then run again. */
export const RUN_STATE_WRITE_MS = 100;
/** A consumer that has not run for longer waits for an operator: the events that it missed may be too old to run. */
export const CONSUMER_ABSENCE_MS = 24 * 3_600_000;
/** How often a running consumer records that it is running. An absence counts from the last record. */
export const CONSUMER_NOTE_MS = 60_000;
/** How often the handlers' thread polls for changes without a message: other processes' events and commands. */
export const HANDLERS_POLL_MS = 1_000;
/** Delay between a wake message and reading the log, so that a burst of commits wakes the thread only a few times. */
export const HANDLERS_WAKE_MS = 20;
/** Logged handler warnings per second; the rest are counted in one line. */
export const LOGGED_FAILURES_PER_SECOND_MAX = 10;
/** A thread that blocks for longer than a run's timeout plus this time is terminated. */
export const HANDLERS_UNYIELDING_MS = 2_000;
/** Delay before a dead handlers' thread is restarted; doubled while it keeps dying. */
export const HANDLERS_RESTART_FIRST_MS = 1_000;
/** Maximum of that delay. */
export const HANDLERS_RESTART_LAST_MS = 60_000;
/** A handlers' module must have loaded within this time. */
export const HANDLERS_LOAD_MS = 10_000;
/** Runs in progress may take this long to end after SIGTERM; unfinished ones run again after the next start. */
export const HANDLERS_CLOSE_MS = 1_000;
/** Memory limit of the handlers' thread. It is terminated above the limit, so a leak there cannot hurt the receiver. */
export const HANDLERS_HEAP_BYTES = 256 * 1024 * 1024;
/** The key of `FORWARD_SECRET`, after base64: the range that the Standard Webhooks format prescribes. */
export const FORWARD_KEY_BYTES_MIN = 24;
export const FORWARD_KEY_BYTES_MAX = 64;
/** How long to wait for a forward target's answer; senders of the Standard Webhooks format wait as long. */
export const FORWARD_TIMEOUT_MS = 15_000;
/** Requests to the forward target at the same time: a chat tool or a small service has no more capacity. */
export const FORWARD_RUNS_MAX = 8;

// --- admin ------------------------------------------------------------------------------------------------

/** Sockets of the admin listener: enough for a few people and a scraper. */
export const ADMIN_CONNECTIONS_MAX = 64;
/** A page that takes longer is abandoned and its thread terminated. */
export const PAGE_MS_MAX = 30_000;
/** Unanswered page requests. Further ones are refused with 503, because pages are made one after another. */
export const PAGES_WAITING_MAX = 32;
/** The pages thread ends after this time without a request; an open page sends one every 30 s. */
export const PAGES_IDLE_MS = 90_000;
/** Length of a body on its page: those of the sender have a few thousand. */
export const PAGE_BODY_CHARS_MAX = 200_000;
/** Length of a column's value on a page; the body shows the rest. */
export const PAGE_VALUE_CHARS_MAX = 2_000;
/** The latest failures, which a page groups: it must not read a table of a million rows. */
export const PAGE_FAILURES_READ_MAX = 10_000;
/** Groups of them that are shown. */
export const PAGE_FAILURES_SHOWN_MAX = 12;
/** Events on a page of the list; a link leads to older ones. */
export const PAGE_EVENTS_MAX = 50;
/** Events in the overview. */
export const PAGE_LATEST_EVENTS_MAX = 15;
/** Length of an event type in a list, so that it stays on its line; the event's page shows more. */
export const PAGE_TYPE_CHARS_MAX = 60;
/** Length of a failure's text in the list of events, which has more columns. */
export const PAGE_FAILURE_CHARS_MAX = 120;
/** Length of a failure's text in the overview, so that it takes one or two lines. */
export const PAGE_ERROR_CHARS_MAX = 160;
/** Length of a filter's value: types and ids are shorter. */
export const PAGE_FILTER_CHARS_MAX = 256;
/** How long a page may wait while older events are counted. */
export const PAGE_COUNTING_MS = 25;
/** Events per query of that counting: a reader blocks the WAL no longer than one query takes. */
export const PAGE_COUNT_EVENTS = 5_000;
/** How often an open page reloads itself. */
export const PAGE_REFRESH_S = 30;
/** Memory limit of the pages thread, which is terminated above the limit; a page is about 100 KiB. */
export const PAGES_HEAP_BYTES = 128 * 1024 * 1024;
/** Minimum length of the admin token. Nobody has to remember it, so it can be long. */
export const ADMIN_TOKEN_CHARS_MIN = 16;
/** How long a browser keeps access to the admin pages: the token is needed seldom, and a forgotten browser logs out. */
export const ADMIN_COOKIE_S = 7 * 24 * 60 * 60;
/** How often the main thread's delay is sampled: four small timers per second, 3 ms of processor time in 10 s. */
export const EVENT_LOOP_SAMPLE_MS = 250;
/** The reported delay covers the last one or two of these windows. */
export const EVENT_LOOP_WINDOW_MS = 60_000;

// --- configuration ----------------------------------------------------------------------------------------

/** Largest `.env`, and largest file of a `…_FILE` variable. A few KiB are normal: a larger file is the wrong one. */
export const CONFIG_FILE_BYTES_MAX = 1024 * 1024;
/** The newest events searched for the last use of each secret after the start: about 0.2 s of work. */
export const SECRET_USE_EVENTS_MAX = 10_000;

// --- long readings ----------------------------------------------------------------------------------------

/** A long reading pauses after this time, so that the WAL can start over. */
export const READ_STINT_MS = 500;
/** Length of such a pause: under load, the writer attempts a checkpoint within it. */
export const READ_PAUSE_MS = 250;

// --- searches ---------------------------------------------------------------------------------------------

/** Events read by one search, about 0.2 s of work; then it returns where to continue. */
export const SEARCH_EVENTS_MAX = 200_000;
/** Events per query of a search: a reader blocks the WAL no longer than one query takes. */
export const SEARCH_PIECE_EVENTS = 10_000;
/** Events read to explain one row; a call has about ten. */
export const EXPLAIN_EVENTS_MAX = 10_000;
/** The range of the log searched for them, back from the last one: about 0.2 s of work. */
export const EXPLAIN_RANGE_EVENTS_MAX = 200_000;
/** Characters of an id that are enough to look for ids that begin with them: fewer would match too many. */
export const EXPLAIN_START_CHARS_MIN = 4;
/** Ids that are listed if several begin with these characters: a screen has room for them. */
export const EXPLAIN_CANDIDATES_MAX = 10;

// The words of a slot in shared memory: where each is, what its states and flags are, and who writes them.

/**
 * free → ready → running → done → free, and ready → cancelled → done where the client left before a thread came.
 * The loop takes a slot from free and back; a thread owns it from running to done. Both changes out of ready are a
 * compare-and-swap, so a slot that stands in the queue twice (a thread died with it) is still served once. From `running`
 * on the values say which thread: running + its index, in one word, so that a death between the two cannot be.
 * running → zombie, by the loop, where a thread is to be terminated in the middle of its call; that and running → done are
 * a compare-and-swap too, so that a thread which ends its call just then is not terminated in the next one. A zombie's
 * slot is the old thread's until that has exited, for a native call may still be writing in it.
 */
export const state = { free: 0, ready: 1, done: 2, cancelled: 3, zombie: 4, running: 16 } as const;

/**
 * Bits of the word inFlags: written by the loop, read by the thread. `wire`: it takes a whole answer as it leaves. `held`:
 * the head is still to come, and the thread that has the slot waits for it.
 */
export const inFlag = {
  end: 1,
  gone: 2,
  broken: 4,
  lazy: 8,
  traced: 16,
  late: 32,
  wire: 64,
  informs: 128,
  held: 256,
} as const;

/** Bits of the word outFlags: written by the thread, read by the loop. `whole`: the out-ring has the answer as it leaves. */
export const outFlag = {
  head: 1,
  end: 2,
  failed: 4,
  flush: 8,
  wanting: 16,
  whole: 32,
  hinted: 64,
} as const;

/** A slot's words. Those of the loop and those of the thread lie on cache lines of their own. */
export const word = {
  state: 0,
  generation: 1,
  environLength: 2,
  inWritten: 3,
  inFlags: 4,
  /** The status of a broken body: 400, 408, 413; 0 where the client broke off. */
  inStatus: 5,
  outRead: 6,
  /** The loop waits for room in the in-ring. */
  inStalled: 7,
  /** The one word that a blocked thread waits on: every change that could matter to it adds one. */
  bell: 8,
  /** What the flag `late` means, in ms: without progress; negative: in all. */
  limit: 9,
  inRead: 16,
  outWritten: 17,
  outFlags: 18,
  headLength: 19,
  /** The thread sleeps on the bell. */
  waiting: 20,
  /** Which thread it was; to be believed when the state is done. */
  thread: 21,
  /** Of a whole answer. */
  status: 22,
  /** How many messages of early hints the thread has sent. */
  hints: 23,
} as const;

/** The index of a word among a slot's. */
export type Word = (typeof word)[keyof typeof word];

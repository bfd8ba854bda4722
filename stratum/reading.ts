// All that is loaded to read a connection, as one module for one import() when the first miner connects.
export { algoProfile } from './algos.ts';
export { ReadAlong } from './read-along.ts';
export { StallWatch } from './stall-watch.ts';

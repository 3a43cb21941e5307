'use strict';
// Clients, waiting and the servers' remote control: what all files of this program share.

const assert = require('assert');
const net = require('net');
const zookeeper = require('node-zookeeper-client');

const WAIT_MS = 15000;
const HOSTS = process.env.COMPAT_HOSTS;
const SHAPE = process.env.COMPAT_SHAPE;

/** The n-th server, from 1, counted round. */
function host(n) {
  const hosts = HOSTS.split(',');
  return hosts[(n - 1) % hosts.length];
}

/** A promise that fails if it takes too long. */
function within(promise, what, ms = WAIT_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** A client whose calls are promises. What has two results gives an array. */
class Client {
  constructor(hosts, options) {
    this.zk = zookeeper.createClient(hosts, { sessionTimeout: 30000, spinDelay: 50, retries: 0, ...options });
  }

  async connect() {
    const connected = new Promise((resolve) => this.zk.once('connected', resolve));
    this.zk.connect();
    await within(connected, 'connected');
    return this;
  }

  call(name, ...args) {
    const answer = new Promise((resolve, reject) => {
      this.zk[name](...args, (error, ...results) => (error ? reject(error) : resolve(results)));
    });
    return within(answer, name);
  }

  async create(path, data, ...rest) {
    return (await this.call('create', path, Buffer.from(data || ''), ...rest))[0];
  }

  /** The code that a call fails with. */
  async code(name, ...args) {
    return this.call(name, ...args).then(() => 0, (error) => error.code);
  }

  /** Resolves once the client says `state`: 'connected', 'disconnected', 'expired', 'authenticationFailed'. */
  state(state) {
    return within(new Promise((resolve) => this.zk.once(state, resolve)), state, 2 * WAIT_MS);
  }

  close() {
    this.zk.close();
  }
}

const connect = (hosts = HOSTS, options = {}) => new Client(hosts, options).connect();

/** A watcher and a promise of the one event it will get. */
function watcher() {
  let tell;
  const told = new Promise((resolve) => {
    tell = resolve;
  });
  const seen = [];
  const watch = (event) => {
    seen.push(event);
    tell(event);
  };
  return { watch, seen, event: () => within(told, 'a watch event') };
}

/** Asks the runner, e.g. 'restart 1', and waits until it is done. */
function control(command) {
  const [address, port] = process.env.COMPAT_CONTROL.split(':');
  const done = new Promise((resolve, reject) => {
    const socket = net.connect(Number(port), address, () => socket.write(`${command}\n`));
    socket.once('data', (reply) => {
      socket.destroy();
      String(reply).startsWith('ok') ? resolve() : reject(new Error(`${command}: ${reply}`));
    });
    socket.once('error', reject);
  });
  return within(done, command, 6 * WAIT_MS);
}

/** Polls until `condition` is true. */
async function eventually(condition, what) {
  const end = Date.now() + WAIT_MS;
  while (!(await condition())) {
    assert(Date.now() < end, `not within ${WAIT_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Stats hold 64-bit numbers as buffers. */
const long = (buffer) => buffer.readBigInt64BE(0);

module.exports = { HOSTS, SHAPE, assert, connect, control, eventually, host, long, watcher, zookeeper, Client };

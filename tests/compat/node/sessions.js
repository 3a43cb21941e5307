'use strict';
// Watches, sessions, and servers that end and begin.

const { CreateMode, Event, Exception } = require('node-zookeeper-client');
const { HOSTS, assert, connect, control, eventually, host, watcher, Client } = require('./harness');

const several = () => HOSTS.includes(',');

exports.data_and_exists_watches = async ({ zk, root }) => {
  const [created, changed, deleted] = [watcher(), watcher(), watcher()];
  await zk.call('exists', `${root}/n`, created.watch);
  await zk.create(`${root}/n`);
  assert.equal((await created.event()).getType(), Event.NODE_CREATED);
  await zk.call('getData', `${root}/n`, changed.watch);
  await zk.call('setData', `${root}/n`, Buffer.from('x'));
  const event = await changed.event();
  assert.equal(event.getType(), Event.NODE_DATA_CHANGED);
  assert.equal(event.getPath(), `${root}/n`);
  await zk.call('exists', `${root}/n`, deleted.watch);
  await zk.call('remove', `${root}/n`);
  assert.equal((await deleted.event()).getType(), Event.NODE_DELETED);
  assert.equal(changed.seen.length, 1);
};

exports.child_watches = async ({ zk, root }) => {
  const [created, deleted] = [watcher(), watcher()];
  await zk.call('getChildren', root, created.watch);
  await zk.create(`${root}/n`);
  assert.equal((await created.event()).getType(), Event.NODE_CHILDREN_CHANGED);
  await zk.call('getChildren', root, deleted.watch);
  await zk.call('remove', `${root}/n`);
  assert.equal((await deleted.event()).getPath(), root);
};

exports.event_before_data = async ({ zk, root }) => {
  for (let n = 0; n < 50; n += 1) {
    const watched = watcher();
    await zk.call('exists', `${root}/n${n}`, watched.watch);
    const [, [stat]] = await Promise.all([zk.create(`${root}/n${n}`), zk.call('exists', `${root}/n${n}`)]);
    assert(stat);
    assert.equal(watched.seen.length, 1);
  }
};

exports.end_of_anothers_ephemeral = async ({ zk, root }) => {
  const other = await connect();
  const watched = watcher();
  await other.create(`${root}/e`, '', CreateMode.EPHEMERAL);
  await eventually(async () => (await zk.call('exists', `${root}/e`))[0], 'the ephemeral is seen');
  await zk.call('exists', `${root}/e`, watched.watch);
  other.close();
  assert.equal((await watched.event()).getType(), Event.NODE_DELETED);
};

exports.timeout_is_negotiated = async () => {
  for (const [asked, given] of [[2000, 4000], [12345, 12345], [90000, 40000]]) {
    const client = await connect(HOSTS, { sessionTimeout: asked });
    assert.equal(client.zk.getSessionTimeout(), given);
    client.close();
  }
};

exports.a_session_is_taken_over = async ({ root }) => {
  const first = await connect(host(1), { sessionTimeout: 20000 });
  await first.create(`${root}/e`, '', CreateMode.EPHEMERAL);
  const [sessionId, sessionPassword] = [first.zk.getSessionId(), first.zk.getSessionPassword()];
  // It would take its session back.
  first.zk.connectionManager.connect = () => {};
  const second = await connect(host(2), { sessionTimeout: 20000, sessionId, sessionPassword });
  assert.deepEqual(second.zk.getSessionId(), sessionId);
  await eventually(async () => (await second.call('exists', `${root}/e`))[0], 'the ephemeral is seen');
  assert.deepEqual((await second.call('exists', `${root}/e`))[0].ephemeralOwner, sessionId);
  second.close();
};

exports.wrong_password_is_an_expired_session = async ({ zk, root }) => {
  const [sessionId, sessionPassword] = [zk.zk.getSessionId(), zk.zk.getSessionPassword()];
  sessionPassword[3] ^= 1;
  const thief = new Client(HOSTS, { sessionId, sessionPassword });
  const expired = thief.state('expired');
  thief.zk.connect();
  await expired;
  // ZooKeeper lets go of the owner's connection before it looks at the password; the session stays.
  await eventually(async () => (await zk.code('exists', root)) === 0, 'the owner is there again');
  assert.deepEqual(zk.zk.getSessionId(), sessionId);
};

exports.a_restart_keeps_session_ephemerals_and_watches = async ({ root }) => {
  const client = await connect(host(1), { sessionTimeout: 20000 });
  const sessionId = client.zk.getSessionId();
  await client.create(`${root}/e`, '', CreateMode.EPHEMERAL);
  const [data, created, children] = [watcher(), watcher(), watcher()];
  await client.call('getData', `${root}/e`, data.watch);
  await client.call('exists', `${root}/n`, created.watch);
  await client.call('getChildren', root, children.watch);
  const back = client.state('disconnected').then(() => client.state('connected'));
  await control('restart 1');
  await back;
  assert.deepEqual(client.zk.getSessionId(), sessionId);
  assert.equal(data.seen.length + created.seen.length + children.seen.length, 0);
  await client.call('setData', `${root}/e`, Buffer.from('x'), 0);
  assert.equal((await data.event()).getType(), Event.NODE_DATA_CHANGED);
  await client.create(`${root}/n`);
  assert.equal((await created.event()).getType(), Event.NODE_CREATED);
  assert.equal((await children.event()).getType(), Event.NODE_CHILDREN_CHANGED);
  client.close();
};

exports.changes_while_away_are_told = async ({ root }) => {
  if (!several()) return 'not here';
  const away = await connect(host(1), { sessionTimeout: 30000 });
  const other = await connect(host(2), { sessionTimeout: 30000 });
  await away.create(`${root}/n`);
  const [data, created] = [watcher(), watcher()];
  await away.call('getData', `${root}/n`, data.watch);
  await away.call('exists', `${root}/c`, created.watch);
  const back = away.state('disconnected').then(() => away.state('connected'));
  await control('stop 1');
  await eventually(async () => (await other.code('setData', `${root}/n`, Buffer.from('x'))) === 0, 'a write elsewhere');
  await eventually(async () => [0, Exception.NODE_EXISTS].includes(await other.code('create', `${root}/c`)), 'another');
  await control('start 1');
  await back;
  assert.equal((await data.event()).getType(), Event.NODE_DATA_CHANGED);
  assert.equal((await created.event()).getType(), Event.NODE_CREATED);
  away.close();
  other.close();
};

exports.a_killed_server_moves_its_clients = async ({ root }) => {
  if (!several()) return 'not here';
  const client = await connect(`${host(1)},${host(2)}`, { sessionTimeout: 30000 });
  const sessionId = client.zk.getSessionId();
  await client.create(`${root}/e`, '', CreateMode.EPHEMERAL);
  const at = client.zk.connectionManager.socket.remotePort === Number(host(1).split(':')[1]) ? 1 : 2;
  const back = client.state('disconnected').then(() => client.state('connected'));
  await control(`kill ${at}`);
  await back;
  assert.deepEqual((await client.call('exists', `${root}/e`))[0].ephemeralOwner, sessionId);
  await control(`start ${at}`);
  client.close();
};


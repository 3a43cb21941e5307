'use strict';
// Znodes, ACLs, transactions.

const { ACL, CreateMode, Exception, Id, Permission } = require('node-zookeeper-client');
const { HOSTS, assert, connect, eventually, long } = require('./harness');

exports.create_get_set_delete = async ({ zk, root }) => {
  assert.equal(await zk.create(`${root}/n`, 'one'), `${root}/n`);
  let [data, stat] = await zk.call('getData', `${root}/n`);
  assert.equal(data.toString(), 'one');
  assert.equal(stat.version, 0);
  assert.equal(stat.dataLength, 3);
  assert.deepEqual(stat.czxid, stat.mzxid);
  [stat] = await zk.call('setData', `${root}/n`, Buffer.from('three'), 0);
  assert.equal(stat.version, 1);
  assert(long(stat.mzxid) > long(stat.czxid));
  assert.equal(await zk.code('setData', `${root}/n`, Buffer.from(''), 0), Exception.BAD_VERSION);
  assert.equal(await zk.code('remove', `${root}/n`, 0), Exception.BAD_VERSION);
  await zk.call('remove', `${root}/n`, 1);
  assert.deepEqual(await zk.call('exists', `${root}/n`), [null]);
};

exports.errors_of_the_tree = async ({ zk, root }) => {
  assert.equal(await zk.code('create', `${root}/no/parent`), Exception.NO_NODE);
  await zk.create(`${root}/n`);
  assert.equal(await zk.code('create', `${root}/n`), Exception.NODE_EXISTS);
  await zk.create(`${root}/n/c`);
  assert.equal(await zk.code('remove', `${root}/n`), Exception.NOT_EMPTY);
  await zk.create(`${root}/e`, '', CreateMode.EPHEMERAL);
  assert.equal(await zk.code('create', `${root}/e/c`), Exception.NO_CHILDREN_FOR_EPHEMERALS);
  assert.equal(await zk.code('getChildren', `${root}/none`), Exception.NO_NODE);
  assert.equal(await zk.code('getData', `${root}/none`), Exception.NO_NODE);
};

exports.data_of_any_length = async ({ zk, root }) => {
  const large = Buffer.alloc(1000000, 'menagerie');
  await zk.call('create', `${root}/large`, large);
  assert((await zk.call('getData', `${root}/large`))[0].equals(large));
  await zk.call('create', `${root}/null`);
  assert.equal((await zk.call('getData', `${root}/null`))[0], undefined);
};

exports.ephemerals_and_sequentials = async ({ zk, root }) => {
  const other = await connect();
  assert.equal(await other.create(`${root}/s-`, '', CreateMode.EPHEMERAL_SEQUENTIAL), `${root}/s-0000000000`);
  assert.equal(await other.create(`${root}/s-`, '', CreateMode.PERSISTENT_SEQUENTIAL), `${root}/s-0000000001`);
  const [stat] = await other.call('exists', `${root}/s-0000000000`);
  assert.deepEqual(stat.ephemeralOwner, other.zk.getSessionId());
  other.close();
  await eventually(async () => (await zk.call('getChildren', root))[0].join() === 's-0000000001', 'the ephemeral ends');
};

exports.children_in_hundreds = async ({ zk, root }) => {
  await Promise.all(Array.from({ length: 500 }, (_, n) => zk.create(`${root}/child-${n}`)));
  const [names, stat] = await zk.call('getChildren', root);
  assert.equal(names.length, 500);
  assert.equal(stat.numChildren, 500);
  assert.equal(stat.cversion, 500);
  await zk.call('removeRecursive', root);
  assert.deepEqual(await zk.call('exists', root), [null]);
};

exports.mkdirp = async ({ zk, root }) => {
  await zk.call('mkdirp', `${root}/a/b/c`, Buffer.from('x'));
  assert.equal((await zk.call('getData', `${root}/a/b/c`))[0].toString(), 'x');
};

exports.a_pipeline_keeps_its_order = async ({ zk, root }) => {
  await zk.create(`${root}/n`);
  const calls = [];
  for (let n = 0; n < 500; n += 1) {
    calls.push(zk.call('setData', `${root}/n`, Buffer.from(String(n)), n));
    calls.push(zk.call('getData', `${root}/n`));
  }
  const answers = await Promise.all(calls);
  for (let n = 0; n < 500; n += 1) {
    assert.equal(answers[2 * n][0].version, n + 1);
    assert.equal(answers[2 * n + 1][0].toString(), String(n));
  }
};

exports.acls = async ({ zk, root }) => {
  const [acls, stat] = await zk.call('getACL', root);
  assert.equal(acls.length, 1);
  assert.equal(acls[0].permission, Permission.ALL);
  assert.equal(acls[0].id.scheme, 'world');
  assert.equal(stat.aversion, 0);
  const [after] = await zk.call('setACL', root, [new ACL(Permission.READ | Permission.ADMIN, Id.ANYONE_ID_UNSAFE)], 0);
  assert.equal(after.aversion, 1);
  assert.equal(await zk.code('create', `${root}/n`), Exception.NO_AUTH);
  assert.equal(await zk.code('setACL', root, ACL.OPEN_ACL_UNSAFE, 0), Exception.BAD_VERSION);
  await zk.call('setACL', root, ACL.OPEN_ACL_UNSAFE);
  const unknown = [new ACL(Permission.ALL, new Id('nobody', 'knows'))];
  assert.equal(await zk.code('create', `${root}/n`, unknown), Exception.INVALID_ACL);
};

exports.digest_auth = async ({ zk, root }) => {
  const [alice, stranger] = [await connect(), await connect()];
  alice.zk.addAuthInfo('digest', Buffer.from('alice:secret'));
  await alice.create(`${root}/hers`, 'v', ACL.CREATOR_ALL_ACL);
  assert.equal((await alice.call('getACL', `${root}/hers`))[0][0].id.id, 'alice:aYXlLOpEooaV1cRAvUL1fp9Qt7E=');
  const denied = async (client) => (await client.code('getData', `${root}/hers`)) === Exception.NO_AUTH;
  await eventually(() => denied(zk), 'the znode of another is seen, and not read');
  stranger.zk.addAuthInfo('digest', Buffer.from('alice:wrong'));
  await eventually(() => denied(stranger), 'the znode of another is seen, and not read');
  stranger.zk.addAuthInfo('digest', Buffer.from('super:test'));
  assert.equal((await stranger.call('getData', `${root}/hers`))[0].toString(), 'v');
  alice.close();
  stranger.close();
};

exports.unknown_scheme_ends_the_session = async ({ root }) => {
  const client = await connect();
  const failed = client.state('authenticationFailed');
  client.zk.addAuthInfo('no-such-scheme', Buffer.from('x'));
  await failed;
  assert.notEqual(await client.code('exists', root), 0);
};

exports.transaction_all_or_nothing = async ({ zk, root }) => {
  const commit = (transaction) =>
    new Promise((resolve) => transaction.commit((error, results) => resolve([error, results])));
  let [error, results] = await commit(
    zk.zk
      .transaction()
      .create(`${root}/a`, Buffer.from('1'))
      .create(`${root}/a/s-`, CreateMode.EPHEMERAL_SEQUENTIAL)
      .setData(`${root}/a`, Buffer.from('2'), 0)
      .check(`${root}/a`, 1)
      .remove(`${root}/a/s-0000000000`),
  );
  assert.equal(error, null);
  assert.equal(results.length, 5);
  assert.equal(results[1].path, `${root}/a/s-0000000000`);
  assert.equal(results[2].stat.version, 1);
  [error, results] = await commit(
    zk.zk.transaction().create(`${root}/b`).check(`${root}/a`, 9).create(`${root}/c`),
  );
  assert.equal(error.code, Exception.BAD_VERSION);
  assert.deepEqual(results.map((result) => result.err), [0, Exception.BAD_VERSION, Exception.RUNTIME_INCONSISTENCY]);
  assert.deepEqual(await zk.call('exists', `${root}/b`), [null]);
};

exports.a_root_of_its_own = async ({ zk, root }) => {
  const inside = await connect(`${HOSTS}${root}`);
  assert.equal(await inside.create('/n', 'v'), '/n');
  await eventually(async () => (await zk.call('exists', `${root}/n`))[0], 'the znode under the chroot');
  assert.deepEqual((await inside.call('getChildren', '/'))[0], ['n']);
  inside.close();
};

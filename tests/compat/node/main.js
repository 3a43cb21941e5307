'use strict';
// npm's node-zookeeper-client: every call that it has. A line for each case; tests/compat/lib/run.py runs this.

const { connect } = require('./harness');

const groups = { data: require('./data'), session: require('./sessions') };

async function run(only) {
  let failed = 0;
  for (const [group, cases] of Object.entries(groups)) {
    for (const [name, body] of Object.entries(cases)) {
      if (only && !`${group}/${name}`.includes(only)) continue;
      const root = `/node-${process.pid}-${name}`;
      try {
        const zk = await connect();
        await zk.create(root);
        const said = await body({ zk, root });
        console.log(said === 'not here' ? `# ${group}/${name}: not in this shape` : `ok ${group}/${name}`);
        zk.close();
      } catch (error) {
        failed += 1;
        console.log(`not ok ${group}/${name}: ${String((error && error.stack) || error).replace(/\s*\n\s*/g, ' | ')}`);
      }
    }
  }
  return failed;
}

// Clients of failed cases may still want to go on.
run(process.argv[2]).then((failed) => process.exit(failed ? 1 : 0));

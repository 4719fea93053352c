'use strict';

const { randomBytes } = require('node:crypto');
const { chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { execFileSync } = require('node:child_process');
const { tmpdir } = require('node:os');
const { delimiter, join } = require('node:path');
const { answers, freePort, Program, until } = require('./processes');

// Where Debian has servers beside PATH.
const PLACES = ['/usr/lib/postgresql/15/bin', '/usr/lib/rabbitmq/bin', '/usr/sbin', ...(process.env.PATH ?? '').split(delimiter)];

function program(name, debian) {
  const found = PLACES.map((place) => join(place, name)).find(existsSync);
  if (found === undefined) throw new Error(`${name} is not on this machine: install Debian's ${debian}`);
  return found;
}

const scratch = (name) => mkdtempSync(join(tmpdir(), `atlas-${name}-`));
const password = () => randomBytes(18).toString('base64url');

async function startRedis() {
  const folder = scratch('redis');
  const port = await freePort();
  const server = new Program(program('redis-server', 'redis-server'), ['--port', port, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no']);
  await until(() => answers(port), () => `Redis: ${server.stdout}`);
  return { port, stop: () => ending([server], folder) };
}

async function startRabbit() {
  const folder = scratch('rabbit');
  const [port, mapperPort, peerPort] = [await freePort(), await freePort(), await freePort()];
  const secret = password();
  writeFileSync(join(folder, 'rabbitmq.conf'), `listeners.tcp.1 = 127.0.0.1:${port}\ndefault_user = atlas\ndefault_pass = ${secret}\n`);
  writeFileSync(join(folder, 'enabled_plugins'), '[].\n');
  const mapper = new Program(program('epmd', 'erlang-base'), ['-port', String(mapperPort), '-address', '127.0.0.1']);
  await until(() => answers(mapperPort), () => `the Erlang port mapper: ${mapper.stderr}`);
  const server = new Program(program('rabbitmq-server', 'rabbitmq-server'), [], {
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      RUNNING_UNDER_SYSTEMD: 'true', // no shell between us and the broker: every signal reaches it
      ERL_EPMD_PORT: String(mapperPort),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      RABBITMQ_NODENAME: 'atlas@localhost',
      RABBITMQ_DIST_PORT: String(peerPort),
      RABBITMQ_MNESIA_BASE: join(folder, 'data'),
      RABBITMQ_LOG_BASE: join(folder, 'logs'),
      RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
      RABBITMQ_PID_FILE: join(folder, 'pid'),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +S 1:1',
    },
  });
  await until(() => answers(port), () => `RabbitMQ: ${server.stdout}${server.stderr}`, 90);
  return { url: `amqp://atlas:${secret}@127.0.0.1:${port}`, stop: () => ending([server, mapper], folder) };
}

/** Runs as `postgres` where the tests are root's: it refuses root. */
async function startPostgres() {
  const folder = scratch('postgres');
  const port = await freePort();
  const secret = password();
  const secretFile = join(folder, 'password');
  writeFileSync(secretFile, secret);
  const as = {};
  if (process.getuid() === 0) {
    as.uid = Number(execFileSync('id', ['-u', 'postgres']));
    as.gid = Number(execFileSync('id', ['-g', 'postgres']));
    chownSync(folder, as.uid, as.gid);
    chownSync(secretFile, as.uid, as.gid);
  }
  const data = join(folder, 'data');
  const options = { ...as, cwd: folder, stdio: 'pipe' };
  execFileSync(program('initdb', 'postgresql'), ['-D', data, '-U', 'atlas', '-A', 'scram-sha-256', '--pwfile', secretFile, '-E', 'UTF8', '--locale', 'C', '--no-sync'], options);
  const server = new Program(program('postgres', 'postgresql'), [
    '-D', data, '-c', 'listen_addresses=127.0.0.1', '-c', `port=${port}`, '-c', `unix_socket_directories=${folder}`, '-c', 'fsync=off',
  ], { ...as, cwd: folder });
  await until(() => /ready to accept connections/.test(server.stderr), () => `PostgreSQL: ${server.stderr}`);
  const env = { PGHOST: '127.0.0.1', PGPORT: String(port), PGUSER: 'atlas', PGPASSWORD: secret, PGDATABASE: 'postgres' };
  return { env, stop: () => ending([server], folder, 'SIGINT') };
}

async function ending(programs, folder, signal) {
  for (const each of programs) await each.stop(signal);
  rmSync(folder, { recursive: true, force: true });
}

module.exports = { startPostgres, startRabbit, startRedis };

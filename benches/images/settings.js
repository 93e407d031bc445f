// Where the worker and the producer find their queue.
export const setting = (name) => {
  const value = process.env[`BENCH_${name}`];
  if (value === undefined) throw new Error(`BENCH_${name} is not set`);
  return value;
};

export const queueName = 'pictures';

export const queueOptions = () => ({
  prefix: setting('REDIS_PREFIX'),
  connection: { host: setting('REDIS_HOST'), port: Number(setting('REDIS_PORT')), maxRetriesPerRequest: null },
});

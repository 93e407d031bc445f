// What is made of a photograph, by sharp, in two idioms. A job is {jpeg, webp, effort}: two qualities, of which 0 means
// "not in this format", and the effort of WebP.
import sharp from 'sharp';

// Each picture is met once, so nothing would ever be found in the cache.
sharp.cache(false);
// Pictures are worked on side by side; more threads for one of them cost CPU and gain nothing.
sharp.concurrency(1);

const EDGES = [1600, 800, 200];

const within = (edge) => ({ width: edge, height: edge, fit: 'inside', withoutEnlargement: true });

const encoders = ({ jpeg, webp, effort }) =>
  [
    { format: 'jpeg', wanted: jpeg > 0, encode: (pipeline) => pipeline.jpeg({ quality: jpeg }) },
    { format: 'webp', wanted: webp > 0, encode: (pipeline) => pipeline.webp({ quality: webp, effort }) },
  ].filter(({ wanted }) => wanted);

const pixelsOf = (pipeline) => pipeline.raw().toBuffer({ resolveWithObject: true });

const ofPixels = ({ data, info: { width, height, channels } }) => sharp(data, { raw: { width, height, channels } });

/** Decodes once, scaled by the decoder, and makes each size from the next larger one. */
async function decodeOnce(input, job) {
  const files = [];
  let pixels;
  for (const edge of EDGES) {
    const larger = pixels ? ofPixels(pixels) : sharp(input).autoOrient();
    pixels = await pixelsOf(larger.resize(within(edge)));
    const base = ofPixels(pixels);
    files.push(
      ...(await Promise.all(
        encoders(job).map(async ({ format, encode }) => ({
          name: `${edge}.${format}`,
          bytes: await encode(base.clone()).toBuffer(),
        })),
      )),
    );
  }
  return files;
}

/** As the manual shows it: a pipeline for each output, from the file. */
async function pipelineEach(input, job) {
  const base = sharp(input).autoOrient();
  const outputs = EDGES.flatMap((edge) => encoders(job).map(({ format, encode }) => ({ edge, format, encode })));
  return Promise.all(
    outputs.map(async ({ edge, format, encode }) => ({
      name: `${edge}.${format}`,
      bytes: await encode(base.clone().resize(within(edge))).toBuffer(),
    })),
  );
}

export const idioms = { 'decode-once': decodeOnce, 'pipeline-each': pipelineEach };

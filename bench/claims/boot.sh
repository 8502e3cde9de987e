#!/usr/bin/env bash
# Does a student that was given no data draw in one step what its teacher draws in many (BOOT, Gu et al. 2023)? Samples from the same
# noise are compared one by one: root mean square distance to the teacher's path in 1000 (points) or 100 (images) steps, and the time
# of a sample. First the ring of eight Gaussians with its exact denoiser, then drawn shapes of 16x16 with a small U-Net. And how far
# from real examples they are: points by the sliced Wasserstein distance, images by the Fréchet distance on pixels, 8 a side.
# PICTURES: where to leave pictures of the first seed. About 20 minutes on 2 cores.
set -euo pipefail
cd "$(dirname "$0")/../.."
OUT=${OUT:-runs/boot}
SEEDS=${SEEDS:-0 1 2}
POINT_STEPS=${POINT_STEPS:-4000}
TEACHER_STEPS=${TEACHER_STEPS:-2500}
STEPS=${STEPS:-1000}
COUNT=${COUNT:-256}
byo() { node bin/byo.js "$@"; }
rm -rf "$OUT"
mkdir -p "$OUT/ring" "$OUT/shapes"
start=$SECONDS

# SEED: a student of the exact denoiser, and samples of both
ring() {
  local at=$OUT/ring/$1
  mkdir -p "$at"
  byo distill boot --exact ring8 --steps "$POINT_STEPS" --seed "$1" --threads 1 --quiet -o "$at/student.st"
  byo sample "$at/student.st" --count 4000 --batch 4000 --seed 5 --threads 1 -o "$at/boot.st" 2> "$at/boot.txt"
  byo synth density --kind ring8 --count 4000 --seed 7 -o "$at/data.st"
  for n in 1000 1 2 5 10 25; do
    byo sample --exact ring8 --steps "$n" --count 4000 --batch 4000 --seed 5 --threads 1 -o "$at/ddim-$n.st" 2> "$at/ddim-$n.txt"
  done
}
# SEED: a teacher, its student, and samples of both
shapes() {
  local at=$OUT/shapes/$1
  mkdir -p "$at"
  byo synth images --count 3000 --size 16 --classes 4 --seed "$1" -o "$at/data.st"
  byo pretrain diffusion "$at/data.st" --channels 24 --multipliers 1,2 --blocks 1 --steps "$TEACHER_STEPS" --lr 1e-3 --lr-schedule cosine \
    --seed "$1" --threads 1 --quiet --log "$at/teacher.jsonl" -o "$at/teacher.st"
  byo distill boot "$at/teacher.st" --steps "$STEPS" --batch 32 --lr 5e-4 --seed "$1" --threads 1 --quiet \
    --log "$at/student.jsonl" -o "$at/student.st"
  byo sample "$at/student.st" --count "$COUNT" --seed 5 --threads 1 -o "$at/boot.st" 2> "$at/boot.txt"
  for n in 100 1 2 5 10 25; do
    byo sample "$at/teacher.st" --steps "$n" --count "$COUNT" --seed 5 --threads 1 -o "$at/ddim-$n.st" 2> "$at/ddim-$n.txt"
  done
}
export OUT POINT_STEPS TEACHER_STEPS STEPS COUNT
export -f byo ring shapes
for seed in $SEEDS; do printf '%s\n' "ring $seed" "shapes $seed"; done | xargs -P "${JOBS:-2}" -L 1 bash -c 'set -euo pipefail; "$@"' _
echo "training and sampling took $((SECONDS - start)) s"
for seed in $SEEDS; do
  for drawn in "$OUT"/ring/"$seed"/{boot,ddim-*}.st; do
    byo probe generative "$drawn" --real "$(dirname "$drawn")/data.st" --metrics sliced --bootstrap 0 --threads 1 --json -q > "${drawn%.st}.json"
  done
  for drawn in "$OUT"/shapes/"$seed"/{boot,ddim-*}.st; do
    byo probe generative "$drawn" --real "$(dirname "$drawn")/data.st" --pixels 8 --metrics frechet --bootstrap 0 --threads 1 --json -q \
      > "${drawn%.st}.json"
  done
done

node --input-type=module - "$OUT" $SEEDS <<'END'
  import { readFileSync } from 'node:fs';
  import { readArtifact } from './dist/core/files/artifact.js';
  import { seedInterval } from './dist/core/stats/intervals.js';
  const [out, ...seeds] = process.argv.slice(2);
  const values = async (path, name) => Array.from((await readArtifact(path)).tensors.get(name).data, (v) => (name === 'images' ? v / 127.5 - 1 : v));
  const interval = (list) => {
    const { estimate, low, high } = seeds.length > 1 ? seedInterval(list, 0.95) : { estimate: list[0], low: NaN, high: NaN };
    return `${estimate.toFixed(3)} (${low.toFixed(3)} .. ${high.toFixed(3)})`.padEnd(30);
  };
  const kinds = [['ring', 'points', 'ddim-1000', 'sliced'], ['shapes', 'images', 'ddim-100', 'frechet']];
  for (const [kind, tensor, reference, measure] of kinds) {
    console.log(`${kind}: distance to ${reference} from the same noise (root mean square${kind === 'ring' ? ' over points' : ' over pixels in [-1, 1]'})`);
    console.log(`sampler    calls  distance (interval over seeds) ${`to data, ${measure}`.padEnd(30)} ms each`);
    for (const name of ['boot', 'ddim-1', 'ddim-2', 'ddim-5', 'ddim-10', 'ddim-25', reference]) {
      const distances = await Promise.all(seeds.map(async (seed) => {
        const [drawn, path] = await Promise.all([name, reference].map((one) => values(`${out}/${kind}/${seed}/${one}.st`, tensor)));
        const squares = drawn.reduce((sum, v, i) => sum + (v - path[i]) ** 2, 0);
        return Math.sqrt(squares / (kind === 'ring' ? drawn.length / 2 : drawn.length));
      }));
      const said = seeds.map((seed) => readFileSync(`${out}/${kind}/${seed}/${name}.txt`, 'utf8'));
      const times = said.map((text) => Number(/ ([\d.e+-]+) ms each/.exec(text)[1])).sort((a, b) => a - b);
      const toData = seeds.map((seed) => JSON.parse(readFileSync(`${out}/${kind}/${seed}/${name}.json`, 'utf8')).scores[measure].value);
      console.log(name.padEnd(10), String(/ (\d+) call/.exec(said[0])[1]).padEnd(6), interval(distances), interval(toData),
        times[Math.floor(times.length / 2)]);
    }
  }
END
if [ -n "${PICTURES:-}" ]; then
  mkdir -p "$PICTURES"
  first=$(printf '%s\n' $SEEDS | head -n 1)
  node --input-type=module - "$OUT/shapes/$first" "$OUT/ring/$first" <<'END'
    import { copyFileSync } from 'node:fs';
    import { ndarray, rowsAt } from './dist/core/array.js';
    import { datasetArtifact } from './dist/core/data/dataset.js';
    import { readArtifact, writeArtifact } from './dist/core/files/artifact.js';
    const [shapes, ring] = process.argv.slice(2);
    const columns = Array.from({ length: 10 }, (_, i) => i);
    const rows = { 'teacher, 100 steps': 'ddim-100', 'student, 1 step': 'boot', 'teacher, 5 steps': 'ddim-5', 'teacher, 1 step': 'ddim-1' };
    const drawn = [];
    for (const name of Object.values(rows)) drawn.push(rowsAt((await readArtifact(`${shapes}/${name}.st`)).tensors.get('images'), columns));
    const set = datasetArtifact({
      images: ndarray('uint8', [columns.length * drawn.length, ...drawn[0].shape.slice(1)], new Uint8Array(drawn.flatMap(({ data }) => [...data]))),
      labels: Int32Array.from({ length: columns.length * drawn.length }, (_, i) => Math.floor(i / columns.length)),
      classes: Object.keys(rows), skipped: [],
    });
    await writeArtifact(`${shapes}/rows.st`, set, { force: true });
    const panels = { 'teacher, 1000 steps': 'ddim-1000', 'student, 1 step': 'boot', 'teacher, 1 step': 'ddim-1' };
    for (const [title, name] of Object.entries(panels)) copyFileSync(`${ring}/${name}.st`, `${ring}/${title}`);
END
  byo plot images "$OUT/shapes/$first/rows.st" --title 'from the same noise, in one column' -o "$OUT/boot-shapes.svg"
  byo plot density "$OUT/ring/$first/"{'teacher, 1000 steps','student, 1 step','teacher, 1 step'} --max 1000 --title 'from the same noise' \
    -o "$OUT/boot-ring.svg"
  # As large as the SVG, so that pixels stay squares and files small.
  node --input-type=module - "$OUT" "$PICTURES" <<'END'
    import sharp from 'sharp';
    const [out, pictures] = process.argv.slice(2);
    for (const [name, palette] of [['boot-shapes', false], ['boot-ring', true]]) {
      await sharp(`${out}/${name}.svg`, { density: 72 }).flatten({ background: '#ffffff' })
        .png({ compressionLevel: 9, palette }).toFile(`${pictures}/${name}.png`);
    }
END
fi

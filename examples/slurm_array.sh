#!/bin/bash
# Many clips as a SLURM job array, without any other engine: each task takes its share of the files.
#
#   sbatch examples/slurm_array.sh runs sr --model 2d3d
#
# Submit it again after a timeout or a failure: what is done is skipped.
#SBATCH --job-name=vsr
#SBATCH --array=0-15
#SBATCH --cpus-per-task=4
#SBATCH --gpus-per-task=1
#SBATCH --mem=16G
#SBATCH --time=08:00:00
#SBATCH --output=vsr-%A_%a.log

# The array must begin at 0 and have no gaps; a sparse one would leave files out.
set -euo pipefail
export OMP_NUM_THREADS="${SLURM_CPUS_PER_TASK:-4}"

exec vsr batch "$@" --scheduler none --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"

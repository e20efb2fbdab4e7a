# Lab 1: a random forest, on one core and on several
#
# Each tree of a random forest is grown without looking at the others. So they can be grown on different cores, and put
# together at the end. Run me with:  Rscript forest.R

source("common.R")
suppressPackageStartupMessages({
  library(randomForest)
  library(foreach)
  library(doMC)
})

# The same seed gives the same forests: this kind of generator has a stream of its own for each core
RNGkind("L'Ecuyer-CMRG")
set.seed(2016)

# Red and white wines, one below the other
red <- read.delim(file.path(data_folder, "winequality-red.csv"), header = TRUE, sep = ";")
white <- read.delim(file.path(data_folder, "winequality-white.csv"), header = TRUE, sep = ";")
wine <- rbind(red, white)

# The forest is not kept, as only its out-of-bag error is looked at: 2,000 trees of this size take 1 GB.
# Leave keep.forest out if you want to predict with it.
grow <- function(trees) randomForest(quality ~ ., data = wine, ntree = trees, keep.forest = FALSE)

# Trees for each of n cores, as even as possible
share <- function(trees, n) trees %/% n + (seq_len(n) <= trees %% n)

grow_parallel <- function(trees, n) {
  registerDoMC(n)
  stopifnot(getDoParWorkers() == n)
  foreach(ntree = share(trees, n), .combine = combine, .multicombine = TRUE) %dopar% grow(ntree)
}

serial <- timed(grow(trees))

# With one core there is nothing to gain, which is worth seeing too
counts <- if (cores > 1) 2:cores else 1
parallel <- lapply(counts, function(n) timed(grow_parallel(trees, n)))

runs <- c(list(serial), parallel)
speed <- data.frame(
  cores = c(1, counts),
  seconds = vapply(runs, function(run) run$seconds, 0),
  given = vapply(runs, function(run) run$cores, 0)
)
speed$speedup <- serial$seconds / speed$seconds
most <- nrow(speed)
combined <- parallel[[length(parallel)]]$value

# combine() drops the error (mse) of its forests. It keeps their out-of-bag predictions, which give it again: for each
# wine the mean of the forests' predictions, weighted by their trees.
squares <- function(forest) (wine$quality - forest$predicted)^2
error <- c(serial = mean(squares(serial$value), na.rm = TRUE), parallel = mean(squares(combined), na.rm = TRUE))

# How far two forests differ by chance alone: the standard error of the mean difference, wine by wine
apart <- na.omit(squares(combined) - squares(serial$value))
noise <- sd(apart) / sqrt(length(apart))

finish(
  lab = "forest",
  title = "Wine quality: a random forest on several cores",
  summary = c(
    sprintf(
      "A forest of %s trees predicts the quality of %s wines (%s red, %s white) from %d measurements.",
      thousands(trees), thousands(nrow(wine)), thousands(nrow(red)), thousands(nrow(white)), ncol(wine) - 1
    ),
    sprintf(
      "One core took %.1f s, %d took %.1f s, a speed-up of %.2f. The out-of-bag errors %.4f and %.4f differ by %.4f.",
      serial$seconds, speed$cores[most], speed$seconds[most], speed$speedup[most], error[["serial"]],
      error[["parallel"]], abs(mean(apart))
    ),
    if (any(speed$given < 0.9 * speed$cores)) {
      "The machine was busy with other work: the forests were not given all of their cores, so the times say little."
    }
  ),
  tables = list(
    as_table("Time to grow the forest", data.frame(
      Cores = speed$cores,
      `Trees on each` = vapply(speed$cores, function(n) paste(unique(share(trees, n)), collapse = " or "), ""),
      Seconds = sprintf("%.1f", speed$seconds),
      `Speed-up` = sprintf("%.2f", speed$speedup),
      `Cores given` = sprintf("%.2f", speed$given),
      check.names = FALSE
    )),
    as_table("Out-of-bag error", data.frame(
      Forest = c("serial", "parallel", "difference", "two standard errors of the difference"),
      `Mean squared error` = sprintf("%.4f", c(error, mean(apart), 2 * noise)),
      check.names = FALSE
    ))
  ),
  plots = list(
    draw(
      "forest-speedup", "Speed-up over the number of cores; dashed, what would be ideal",
      if (cores > 1) {
        paste(
          "The line should rise with each core and stay below the dashed one: handing out the trees and putting them",
          "together takes time, too. On a machine that is busy with other work it says little."
        )
      } else {
        "With a single core there is nothing to gain: both forests take about the same time, a speed-up near 1."
      },
      sprintf("Line plot. Speed-up %s on %s cores.", paste(sprintf("%.2f", speed$speedup), collapse = ", "),
              paste(speed$cores, collapse = ", ")),
      function(ink) {
        top <- max(speed$cores, speed$speedup)
        plot(speed$cores, speed$speedup, type = "n", xlim = c(0.8, max(2, cores) + 0.2), ylim = c(0, 1.1 * top),
             xaxt = "n", xlab = "Cores", ylab = "Times faster than one core")
        axis(1, at = seq_len(max(2, cores)))
        abline(0, 1, lty = 2, col = ink$faint)
        lines(speed$cores, speed$speedup, type = "b", pch = 19, lwd = 2, col = ink$one)
        text(speed$cores, speed$speedup, sprintf("%.2f", speed$speedup), pos = 1)
      }
    ),
    draw(
      "forest-error", "Out-of-bag error while the serial forest grows, and of the whole parallel one",
      paste(
        "The error falls steeply over the first hundred trees, then hardly at all; more trees do not overfit. The",
        "triangle lies at the end of the line: the forest grown on several cores is as good."
      ),
      sprintf("Line plot. The error falls steeply over the first hundred trees, to %.4f. The parallel one's is %.4f.",
              error[["serial"]], error[["parallel"]]),
      function(ink) {
        shown <- unique(round(exp(seq(0, log(trees), length.out = 200))))
        plot(shown, serial$value$mse[shown], type = "l", log = "x", lwd = 2, col = ink$one, xlab = "Trees",
             ylab = "Mean squared error")
        points(trees, error[["parallel"]], pch = 17, cex = 1.4, col = ink$two, xpd = TRUE)
        legend("topright", c("serial", "parallel"), col = c(ink$one, ink$two), lty = c(1, NA), pch = c(NA, 17), lwd = 2,
               bty = "n")
      }
    )
  ),
  values = list(
    wines = nrow(wine),
    trees = trees,
    cores = cores,
    serial_seconds = serial$seconds,
    parallel_seconds = speed$seconds[most],
    speedup = speed$speedup[most],
    oob_serial = error[["serial"]],
    oob_parallel = error[["parallel"]],
    oob_noise = noise,
    by_cores = speed
  ),
  packages = c("randomForest", "foreach", "iterators", "doMC", "tictoc")
)

# Lab 2: gradient boosted trees, by gbm and by xgboost
#
# Boosted trees are grown one after the other, each on what the ones before have left over. So gbm uses one core.
# xgboost splits the work within each tree. Both get the same settings here. Run me with:  Rscript boosting.R

source("common.R")

red <- read.delim(file.path(data_folder, "winequality-red.csv"), header = TRUE, sep = ";")
white <- read.delim(file.path(data_folder, "winequality-white.csv"), header = TRUE, sep = ";")
wine <- rbind(red, white)

# A fifth of the wines is held out, to measure the error on
set.seed(2016)
held_out <- sample(nrow(wine), nrow(wine) %/% 5)
train <- wine[-held_out, ]
test <- wine[held_out, ]
measurements <- setdiff(names(wine), "quality")

rounds <- 1000      # trees
shrinkage <- 0.05   # how much of each tree is added
splits <- 6         # of each tree
least <- 10         # wines in a leaf
fraction <- 0.5     # of the wines, drawn anew for each tree

fit_gbm <- function() {
  gbm::gbm(
    quality ~ ., data = train, distribution = "gaussian", n.trees = rounds, shrinkage = shrinkage,
    interaction.depth = splits, n.minobsinnode = least, bag.fraction = fraction
  )
}

# gbm counts the splits of a tree and always splits the best leaf next: for xgboost that is `lossguide` with one leaf
# more than splits. gbm starts from the mean, and does not shrink leaves (`lambda`).
fit_xgboost <- function(threads) {
  xgboost::xgb.train(
    params = list(
      objective = "reg:squarederror", eta = shrinkage, tree_method = "hist", grow_policy = "lossguide",
      max_leaves = splits + 1, max_depth = 0, min_child_weight = least, subsample = fraction, lambda = 0,
      base_score = mean(train$quality), nthread = threads
    ),
    data = xgboost::xgb.DMatrix(as.matrix(train[measurements]), label = train$quality),
    nrounds = rounds
  )
}

error <- function(predicted) sqrt(mean((test$quality - predicted)^2))

runs <- list()

if (has_package("gbm")) {
  run <- timed(fit_gbm())
  predicted <- predict(run$value, test, n.trees = rounds)
  runs <- c(runs, list(data.frame(package = "gbm", cores = 1, seconds = run$seconds, error = error(predicted))))
}

if (has_package("xgboost")) {
  for (threads in unique(c(1, cores))) {
    run <- timed(fit_xgboost(threads))
    predicted <- predict(run$value, xgboost::xgb.DMatrix(as.matrix(test[measurements])))
    result <- data.frame(package = "xgboost", cores = threads, seconds = run$seconds, error = error(predicted))
    runs <- c(runs, list(result))
  }
}

missing <- Filter(Negate(has_package), c("gbm", "xgboost"))
if (length(runs) == 0) stop("neither gbm nor xgboost is installed")
runs <- do.call(rbind, runs)
label <- sprintf("%s, %d core%s", runs$package, runs$cores, ifelse(runs$cores == 1, "", "s"))

# What one would do without any model
plain <- sqrt(mean((test$quality - mean(train$quality))^2))

finish(
  lab = "boosting",
  title = "Wine quality: boosted trees by gbm and xgboost",
  summary = c(
    sprintf(
      "%s trees of %d splits, shrinkage %s, on %s wines; the error is measured on %s others. %s", thousands(rounds),
      splits, shrinkage, thousands(nrow(train)), thousands(nrow(test)),
      paste(sprintf("%s: %.3f in %.1f s.", label, runs$error, runs$seconds), collapse = " ")
    ),
    if (length(missing)) sprintf("There is no %s in this R, so nothing is compared with it.", missing)
  ),
  tables = list(
    as_table("The same settings for both", data.frame(
      Package = c(runs$package, "the mean of all wines"),
      Cores = c(runs$cores, ""),
      Seconds = c(sprintf("%.1f", runs$seconds), ""),
      `Root mean squared error` = sprintf("%.4f", c(runs$error, plain)),
      check.names = FALSE
    ))
  ),
  plots = list(
    draw_bars(
      "boosting-time", "Time to grow the trees",
      paste(
        "gbm grows one tree after the other, on one core. xgboost, where it is there, shares the work within a tree,",
        "but on as few wines as these that gains little: several cores may even take longer than one."
      ),
      sprintf("Bar plot. %s.", paste(sprintf("%s: %.1f s", label, runs$seconds), collapse = "; ")),
      runs$seconds, label, "Seconds"
    ),
    draw_bars(
      "boosting-error", "Error on the wines held out; dashed, that of their mean",
      paste(
        "The bars end well before the dashed line: the trees have learnt something. Those of gbm and xgboost, where",
        "both are there, end close to each other: with the same settings they grow nearly the same model."
      ),
      sprintf("Bar plot. %s; the mean: %.3f.", paste(sprintf("%s: %.3f", label, runs$error), collapse = "; "), plain),
      runs$error, label, "Root mean squared error", xlim = c(0, plain * 1.05), line = plain
    )
  ),
  values = list(
    rounds = rounds, shrinkage = shrinkage, splits = splits, trained_on = nrow(train), held_out = nrow(test),
    error_of_mean = plain, runs = runs, missing = as.list(missing)
  ),
  packages = c("gbm", "xgboost", "tictoc")
)

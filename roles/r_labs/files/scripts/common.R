# What the labs share: timing, plots, and the results as a file.
# Sourced by each lab, which is run in this folder: Rscript forest.R, or open labs.Rproj in RStudio and source it there.

source("settings.R")
source("host.R")

# Results go into the folder of this name, or where the environment says
results_folder <- Sys.getenv("LABS_RESULTS", "results")
dir.create(results_folder, showWarnings = FALSE, recursive = TRUE)

started <- Sys.time()
load_at_start <- as.numeric(strsplit(readLines("/proc/loadavg"), " ")[[1]][1])

if (cores < 1) cores <- available_cores()

# ---- Timing ----------------------------------------------------------------------------------------------------

timer <- if (has_package("tictoc")) "tictoc" else "system.time"

# Evaluates an expression; returns its value, the seconds that passed, and how many cores it was given meanwhile,
# which is less than it asked for when the machine is busy with other work
timed <- function(expression) {
  before <- proc.time()
  if (timer == "tictoc") {
    tictoc::tic()
    value <- force(expression)
    clock <- tictoc::toc(quiet = TRUE)
    seconds <- unname(clock$toc - clock$tic)
  } else {
    seconds <- system.time(value <- force(expression))[["elapsed"]]
  }
  Sys.sleep(0.2) # until the last worker has ended, whose time counts only then
  spent <- proc.time() - before
  list(value = value, seconds = seconds, cores = sum(spent[-3]) / seconds)
}

# ---- Plots -----------------------------------------------------------------------------------------------------

inks <- list(
  light = list(text = "#1b1b1b", faint = "#8a8a8a", one = "#1f5fa8", two = "#b3541e"),
  dark = list(text = "#e6e6e6", faint = "#8f8f8f", one = "#7db4f0", two = "#f0a36b")
)

# Draws the plot twice, for light and for dark screens. `see` says what a reader should find in it, `paint` is a
# function of the colours. Sizes are in inches.
draw <- function(name, caption, see, alt, paint, height = 3.3) {
  picture <- list(name = name, caption = caption, see = see, alt = alt)
  for (scheme in names(inks)) {
    ink <- inks[[scheme]]
    file <- file.path(results_folder, paste0(name, "-", scheme, ".svg"))
    svg(file, width = 4.6, height = height, bg = "transparent")
    par(
      mar = c(4, 4.3, 0.5, 0.5), mgp = c(3, 0.6, 0), las = 1, bty = "l",
      fg = ink$text, col = ink$text, col.axis = ink$text, col.lab = ink$text
    )
    paint(ink)
    dev.off()
    # Two decimals are as good as six, and half as long
    picture[[scheme]] <- gsub("([.][0-9]{2})[0-9]+", "\\1", paste(readLines(file), collapse = "\n"))
  }
  picture
}

# The same for bars that lie, the first on top, with room for long names
draw_bars <- function(name, caption, see, alt, heights, labels, xlab, xlim = range(0, heights, na.rm = TRUE),
                      line = NULL) {
  paint <- function(ink) {
    par(mar = c(4, 8, 0.5, 1.5))
    barplot(rev(heights), names.arg = rev(labels), horiz = TRUE, col = ink$one, border = NA, xlab = xlab, xlim = xlim)
    if (!is.null(line)) abline(v = line, lty = 2, col = ink$two, lwd = 2)
  }
  draw(name, caption, see, alt, paint, height = 1 + 0.5 * length(heights))
}

# ---- Results ---------------------------------------------------------------------------------------------------

# Writes R's values as JSON: what has names becomes an object, a single value stands alone, the rest is an array
json <- function(x) {
  if (is.data.frame(x)) x <- lapply(seq_len(nrow(x)), function(row) as.list(x[row, , drop = FALSE]))
  if (is.list(x) || !is.null(names(x))) {
    items <- vapply(x, json, "")
    if (is.null(names(x)) || length(x) == 0) return(paste0("[", paste(items, collapse = ","), "]"))
    return(paste0("{", paste0(json_string(names(x)), ":", items, collapse = ","), "}"))
  }
  items <- if (is.character(x)) json_string(x) else if (is.logical(x)) tolower(x) else format_number(x)
  items[is.na(x)] <- "null"
  if (length(items) == 1) items else paste0("[", paste(items, collapse = ","), "]")
}

json_string <- function(x) {
  x <- gsub("([\\\\\"])", "\\\\\\1", enc2utf8(x))
  x <- gsub("\t", "\\\\t", gsub("\n", "\\\\n", x))
  paste0("\"", gsub("[[:cntrl:]]", " ", x), "\"")
}

format_number <- function(x) vapply(x, format, "", digits = 10, scientific = FALSE, trim = TRUE)

thousands <- function(x) format(x, big.mark = ",", trim = TRUE)

# A table of the page: a data frame whose cells are shown as they are
as_table <- function(caption, frame) {
  rows <- lapply(seq_len(nrow(frame)), function(row) unname(lapply(frame, function(column) column[row])))
  list(caption = caption, columns = as.list(names(frame)), rows = rows, frame = frame)
}

# Shows the results, and writes them to <lab>.json
finish <- function(lab, title, summary, tables, plots, values, packages) {
  tables <- Filter(Negate(is.null), tables)
  plots <- Filter(Negate(is.null), plots)
  cat(title, strwrap(summary), sep = "\n")
  for (table in tables) {
    cat("\n", table$caption, "\n", sep = "")
    print(table$frame, row.names = FALSE)
  }
  result <- list(
    lab = lab,
    title = title,
    made = format(started, "%Y-%m-%dT%H:%M:%SZ", tz = "UTC"),
    seconds = round(as.numeric(Sys.time() - started, units = "secs"), 1),
    cores = cores,
    load_at_start = load_at_start,
    timer = timer,
    R = as.character(getRversion()),
    packages = as.list(versions(packages)),
    summary = as.list(summary),
    values = values,
    tables = lapply(tables, function(table) table[c("caption", "columns", "rows")]),
    plots = plots
  )
  file <- file.path(results_folder, paste0(lab, ".json"))
  draft <- paste0(file, ".part")
  writeLines(json(result), draft, useBytes = TRUE)
  file.rename(draft, file)
  cat("\nResults and plots are in ", normalizePath(results_folder), "\n", sep = "")
}

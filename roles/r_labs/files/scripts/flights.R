# Lab 3: a year of flights, without reading it into memory
#
# bigmemory keeps a matrix in a file, and reads from it what is asked for. The questions are those of its vignette:
# when to fly, with whom, and whether old planes are later. Run me with:  Rscript flights.R

source("common.R")
source("flights_columns.R")
suppressPackageStartupMessages(library(bigmemory))

# ---- The file --------------------------------------------------------------------------------------------------

# Unpacks the year into a plain CSV file, piece by piece
unpack <- function(packed, csv) {
  zipped <- grepl("[.]zip$", packed)
  from <- if (zipped) unz(packed, sub("[.]zip$", "", basename(packed)), "rb") else bzfile(packed, "rb")
  to <- file(csv, "wb")
  while (length(bytes <- readBin(from, "raw", 1e6)) > 0) writeBin(bytes, to)
  close(from)
  close(to)
}

folder <- normalizePath(results_folder)
csv <- file.path(folder, "flights.csv")
unpack(file.path(data_folder, flights_file), csv)

# ---- Memory ----------------------------------------------------------------------------------------------------

# Each way in a process of its own; see flights_memory.R. Only read.csv may fail, where a year does not fit into memory.
ways <- c(
  nothing = "R alone", read.csv = "read.csv, all of the file", copy = "bigmemory, copying the file once",
  attach = "bigmemory, every later time"
)
measured <- lapply(names(ways), function(way) {
  status <- system2(file.path(R.home("bin"), "Rscript"), c("--no-init-file", "flights_memory.R", way, shQuote(csv)))
  if (status != 0 && way == "read.csv") return(list(answer = NULL, seconds = NA, peak = NA))
  if (status != 0) stop("flights_memory.R ", way, " failed with status ", status)
  readRDS(file.path(folder, paste0("flights-", way, ".rds")))
})
names(measured) <- names(ways)
memory <- data.frame(
  row.names = names(ways), way = names(ways),
  seconds = vapply(measured, function(one) one$seconds, 0),
  peak_mib = vapply(measured, function(one) one$peak, 0)
)
same <- isTRUE(all.equal(measured$read.csv$answer, measured$attach$answer))
mib <- function(x) ifelse(is.na(x), "more than there is", sprintf("%.0f", x))
csv_mib <- file.size(csv) / 2^20
unlink(c(csv, file.path(folder, paste0("flights-", names(ways), ".rds"))))

# ---- The questions ---------------------------------------------------------------------------------------------

flights <- attach.big.matrix(file.path(folder, "flights.desc"))
known <- readRDS(file.path(folder, "flights.words.rds"))
column <- function(what) flights[, pick(colnames(flights), what)]

delay <- column("delay")

# How many flights of each group, and how late: on average, at the 90th percentile, and more than a quarter of an hour
lateness <- function(group) {
  late <- split(delay, group)
  data.frame(
    flights = lengths(late),
    mean = vapply(late, mean, 0, na.rm = TRUE),
    p90 = vapply(late, quantile, 0, probs = 0.9, na.rm = TRUE, names = FALSE),
    share_late = vapply(late, function(minutes) mean(minutes > 15, na.rm = TRUE), 0)
  )
}

hours <- lateness(column("scheduled") %/% 100 %% 24)
hours <- cbind(hour = as.integer(rownames(hours)), hours)
hours <- hours[hours$flights >= 100, ] # an hour with a handful of flights says nothing

carriers <- lateness(known[[pick(colnames(flights), "carrier")]][column("carrier")])
airlines <- read.csv(file.path(data_folder, "airlines.csv"))
name <- airlines$name[match(rownames(carriers), airlines$carrier)]
carriers <- cbind(carrier = rownames(carriers), name = ifelse(is.na(name), rownames(carriers), name), carriers)
carriers <- carriers[order(carriers$mean), ]

# The planes are known by the number on their tail
planes <- read.csv(file.path(data_folder, "planes.csv"))
built <- planes$year[match(known[[pick(colnames(flights), "plane")]], planes$tailnum)][column("plane")]
age <- column("year") - built
age[!is.na(age) & age < 0] <- NA # the number has been given to a newer plane since
bands <- cut(age, c(-1, 4, 9, 14, 19, 24, Inf), c("0 to 4", "5 to 9", "10 to 14", "15 to 19", "20 to 24", "25 or more"))
ages <- if (all(is.na(age))) NULL else lateness(droplevels(bands))
if (!is.null(ages)) ages <- cbind(age = rownames(ages), ages)
per_year <- if (is.null(ages)) NA else cov(age, delay, use = "complete.obs") / var(age[!is.na(delay)], na.rm = TRUE)

best <- hours$hour[which.min(hours$mean)]
worst <- hours$hour[which.max(hours$mean)]

# ---- The results -----------------------------------------------------------------------------------------------

shown <- function(frame, first) {
  cells <- data.frame(
    Flights = thousands(frame$flights),
    `Mean delay, minutes` = sprintf("%.1f", frame$mean),
    `90th percentile` = sprintf("%.0f", frame$p90),
    `More than 15 minutes late` = sprintf("%.0f %%", 100 * frame$share_late),
    check.names = FALSE
  )
  cbind(first, cells)
}

finish(
  lab = "flights",
  title = paste0("Flights without the memory: ", flights_title),
  summary = c(
    sprintf(
      "%s flights. The best hour to leave is %d:00 (%.1f minutes late on average), the worst is %d:00 (%.1f minutes).",
      thousands(nrow(flights)), best, min(hours$mean), worst, max(hours$mean)
    ),
    if (is.null(ages)) {
      "The age of the planes is not known in this year's data."
    } else {
      sprintf(
        "The plane's age is known for %.0f %% of the flights: each year of age changes the delay by %+.2f minutes.",
        100 * mean(!is.na(age)), per_year
      )
    },
    do.call(sprintf, c(
      paste(
        "The file has %.0f MiB. Peak of memory, in MiB: read.csv %s, bigmemory %s to copy it once and %s to answer",
        "from the copy; R alone %s."
      ),
      csv_mib, as.list(mib(memory[c("read.csv", "copy", "attach", "nothing"), "peak_mib"]))
    ))
  ),
  tables = list(
    as_table("Memory and time, each in a process of its own", data.frame(
      Way = unname(ways),
      `Peak of memory, MiB` = mib(memory$peak_mib),
      Seconds = ifelse(is.na(memory$seconds), "", sprintf("%.1f", memory$seconds)),
      check.names = FALSE
    )),
    as_table("By scheduled hour of departure", shown(hours, data.frame(Hour = hours$hour))),
    as_table("By carrier", shown(carriers, data.frame(Carrier = carriers$name))),
    if (!is.null(ages)) as_table("By age of the plane, in years", shown(ages, data.frame(Age = ages$age)))
  ),
  plots = list(
    draw_bars(
      "flights-memory", "Peak of memory",
      paste(
        "read.csv takes the most, several times what the file has. The copy is made piece by piece, and takes less;",
        "every later time reads two columns, and takes less again. Of each bar, what R alone takes is no part of the",
        "data."
      ),
      sprintf("Bar plot. %s.", paste(ways, mib(memory$peak_mib), sep = ": ", collapse = "; ")),
      memory$peak_mib, c("R alone", "read.csv", "bigmemory,\ncopying once", "bigmemory,\nlater"), "MiB"
    ),
    draw(
      "flights-hours", "Delay by scheduled hour of departure",
      paste(
        "Delays build up: flights of the early morning are the most punctual, those of the evening the latest. The",
        "90th percentile, which one flight in ten exceeds, grows much faster than the mean."
      ),
      sprintf("Line plot. The mean delay grows from %.0f minutes at %d:00 to %.0f at %d:00, the 90th percentile to %.0f.",
              min(hours$mean), best, max(hours$mean), worst, max(hours$p90)),
      function(ink) {
        plot(hours$hour, hours$p90, type = "b", pch = 17, lwd = 2, col = ink$two, ylim = range(0, hours$p90),
             xlab = "Hour", ylab = "Minutes late")
        lines(hours$hour, hours$mean, type = "b", pch = 19, lwd = 2, col = ink$one)
        legend("topleft", c("90th percentile", "mean"), col = c(ink$two, ink$one), pch = c(17, 19), lwd = 2, bty = "n")
      }
    ),
    draw(
      "flights-carriers", "Mean delay by carrier, in minutes",
      paste(
        "A dot for each airline, the most punctual on top. Most lie within a minute or two of their neighbours; one",
        "with few flights may lie far out by chance, and the table has their number."
      ),
      sprintf("Dot plot. From %s with %.1f minutes to %s with %.1f.", carriers$name[1], carriers$mean[1],
              carriers$name[nrow(carriers)], carriers$mean[nrow(carriers)]),
      function(ink) {
        par(mar = c(4, 11, 0.5, 0.5))
        y <- rev(seq_len(nrow(carriers)))
        plot(carriers$mean, y, pch = 19, col = ink$one, yaxt = "n", ylab = "", xlab = "Minutes late",
             xlim = range(0, carriers$mean))
        axis(2, y, carriers$name, tick = FALSE, cex.axis = 0.8)
      }
    ),
    if (!is.null(ages)) draw(
      "flights-age", "Mean delay by age of the plane",
      paste(
        "If age made planes late, the large dots would rise from the left end to the right, across the dashed",
        sprintf("line, the mean of all flights. From year to year they change by %+.2f minutes.", per_year),
        "Small ones scatter most, as they stand for few flights."
      ),
      sprintf("Dot plot, a dot for each year of age. %+.2f minutes for each year.", per_year),
      function(ink) {
        single <- lateness(age)
        single <- single[single$flights >= 100, ]
        years <- as.integer(rownames(single))
        plot(years, single$mean, pch = 19, cex = 0.5 + 2 * sqrt(single$flights / max(single$flights)), col = ink$one,
             ylim = range(0, single$mean), xlab = "Age in years (larger dots: more flights)", ylab = "Minutes late")
        abline(h = mean(delay, na.rm = TRUE), lty = 2, col = ink$faint)
      }
    )
  ),
  values = list(
    flights = nrow(flights),
    with_delay = sum(!is.na(delay)),
    with_age = sum(!is.na(age)),
    minutes_per_year_of_age = per_year,
    same_answer = same,
    csv_mib = csv_mib,
    memory = memory,
    by_hour = hours,
    by_carrier = carriers,
    by_age = ages
  ),
  packages = c("bigmemory", "tictoc")
)

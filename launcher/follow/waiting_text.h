#pragma once
#include <string>

#include "launcher/follow/run_jobs.h"

namespace llmrun {

/// What keeps a run's next job from speaking, on one line: "job 27 waits in debug: Not Running: Not enough free nodes available; starts
/// about 10:40". Holds the scheduler's own words: make it harmless before a terminal gets it. `now`: seconds since 1970.
std::string waiting_text(const JobNews& news, const std::string& trouble, int64_t now);

/// "on x3001c0s1b0n0 and 3 more"; empty without hosts.
std::string on_hosts(const std::vector<std::string>& hosts);

/// Up to the server's name: "27" of "27.polaris-pbs-01".
std::string short_id(const std::string& id);

/// "10:40" of the clock on the wall here, with its day where that is not the day of `now`.
std::string clock_text(int64_t moment, int64_t now);

}  // namespace llmrun

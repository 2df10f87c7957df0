#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "launcher/scheduler/job.h"

namespace llmrun {

/// What squeue is asked for, a line a job: `squeue --noheader --array --states=all --Format=` this, with SLURM_TIME_FORMAT=%s.
/// The name comes last: it may hold anything but a line's end.
inline constexpr std::string_view kSqueueFormat =
    "JobArrayID:60|,State:30|,exit_code:10|,Reason:100|,StartTime:20|,EndTime:20|,SubmitTime:20|,TimeLimit:20|,NumNodes:12|,RestartCnt:10|,"
    "NodeList:4000|,Partition:200|,Dependency:2000|,PreemptTime:20|,Name:400";

/// Those of `ids` in such an answer. "11" of an array is all of its elements in one: waiting while one of them is, ended when all are, and
/// failed where one is; "11_3" is an element. Elements that were cancelled while they waited are forgotten by Slurm at once.
/// Throws Error(Exit::unreachable) for an answer that is cut off.
std::map<std::string, Job> jobs_of_squeue(std::string_view answer, const std::vector<std::string>& ids);

/// What sacct is asked for, where squeue does not know a job any more: `sacct --noheader --parsable2 --allocations --jobs=... --format=`
/// this, with SLURM_TIME_FORMAT=%s.
inline constexpr std::string_view kSacctFormat =
    "JobID,State,ExitCode,Start,End,Submit,TimelimitRaw,NNodes,Partition,NodeList,Reason,JobName";

/// Those of `ids` that ended, in such an answer. What accounting takes for waiting or running and squeue does not know is unknown.
std::map<std::string, Job> ended_jobs_of_sacct(std::string_view answer, const std::vector<std::string>& ids);

/// As above, for where jobs come from: SubmitTime is told anew when a job is queued again.
inline constexpr std::string_view kSqueueOriginFormat = "ArrayJobID:20|,SubmitTime:20|,WorkDir:4100";
struct SlurmOrigin {
  std::string id;         // of the whole array
  int64_t time = 0;       // seconds since 1970
  std::string directory;  // where sbatch ran
};
std::vector<SlurmOrigin> origins_of_squeue(std::string_view answer);

/// And for what jobs wait for: by the id of the whole array, as Slurm spells it, "afterok:97(unfulfilled)".
inline constexpr std::string_view kSqueueDependencyFormat = "ArrayJobID:20|,Dependency:2000|";
std::map<std::string, std::string> dependencies_of_squeue(std::string_view answer);

}  // namespace llmrun

#include <CLI/CLI.hpp>
#include <ctime>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/ui/table.h"
#include "engine/core/json.h"
#include "engine/core/run_paths.h"
#include "launcher/rundir/checkpoints.h"
#include "launcher/rundir/lock.h"
#include "launcher/scheduler/cancel_run.h"
#include "launcher/scheduler/known_jobs.h"
#include "launcher/scheduler/sweep.h"

namespace llmrun::cli {
namespace {

/// `runs`: it did when it was told to end, so that it may save even now.
std::string what_is_left(const QueuedJob& job, bool runs) {
  if (!first_member(job.dir).empty()) return "Checkpoints of its members stay; the same submit queues those that are not done.\n";
  if (!whole_checkpoint_steps(RunPaths(job.dir)).empty()) return "Its checkpoints stay; the same submit goes on from the last one.\n";
  return runs ? "It saves before it ends, if it has done a step; the same submit goes on from there.\n"
              : "It has saved nothing; the same submit starts from the beginning.\n";
}

void cancel(const std::string& word, Context& context) {
  const Variables environment = Variables::of_this_process();
  const QueuedJob job = find_job(read_jobs(job_list_file(environment)), word);
  const bool runs = is_locked(RunPaths(job.dir).lock());
  const std::vector<std::string> ids = cancel_run(job, *make_scheduler(job.scheduler, environment), std::time(nullptr));
  outdate_answers(job, environment);
  if (context.json)
    return context.out().print("{}\n", json{{"version", 1}, {"run", job.run}, {"job_id", job.id}, {"cancelled", ids}}.dump(2));
  for (const std::string& id : ids) context.talk().print("Cancelled {} of {}\n", one_line(id), one_line(job.run));
  context.talk().write(what_is_left(job, runs));
}

}  // namespace

void add_cancel(CLI::App& app, Context& context) {
  auto word = std::make_shared<std::string>();
  auto* command = app.add_subcommand("cancel", "Take a queued or running job back, and end the chain it is part of");
  command->add_option("job", *word, "Run name, directory, job id, unique prefix, or 'last': the job that was queued last")
      ->required()
      ->type_name("RUN");
  command->footer("Examples:\n  llmrun cancel my-run\n  llmrun cancel 1126584");
  command->callback([=, &context] { cancel(*word, context); });
}

}  // namespace llmrun::cli

#include <CLI/CLI.hpp>
#include <ctime>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/ui/table.h"
#include "engine/core/json.h"
#include "launcher/scheduler/cancel_run.h"
#include "launcher/scheduler/known_jobs.h"

namespace llmrun::cli {
namespace {

void cancel(const std::string& word, Context& context) {
  const Variables environment = Variables::of_this_process();
  const QueuedJob job = find_job(read_jobs(job_list_file(environment)), word);
  const std::vector<std::string> ids = cancel_run(job, *make_scheduler(job.scheduler, environment), std::time(nullptr));
  outdate_answers(job, environment);
  if (context.json)
    return context.out().print("{}\n", json{{"version", 1}, {"run", job.run}, {"job_id", job.id}, {"cancelled", ids}}.dump(2));
  for (const std::string& id : ids) context.talk().print("Cancelled {} of {}\n", one_line(id), one_line(job.run));
  context.talk().print("Its checkpoints stay; the same submit goes on from the last one.\n");
}

}  // namespace

void add_cancel(CLI::App& app, Context& context) {
  auto word = std::make_shared<std::string>();
  auto* command = app.add_subcommand("cancel", "Take a queued or running job back, and end the chain it is part of");
  command->add_option("job", *word, "Run name, directory, job id or 'last'")->required()->type_name("RUN");
  command->footer("Examples:\n  llmrun cancel my-run\n  llmrun cancel 1126584");
  command->callback([=, &context] { cancel(*word, context); });
}

}  // namespace llmrun::cli

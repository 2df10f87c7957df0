# Stands for a site's submit hook, with the texts that users of ALCF report.
import pbs

event = pbs.event()
job = event.job
if not job.Account_Name:
    event.reject("Account_Name is required to be set.")
for name in ("walltime", "filesystems"):
    if not job.Resource_List[name]:
        event.reject("Resource: %s is required to be set." % name)
event.accept()

"""The official Kubernetes client at the questions of the tests: JSON lines of {"kubeconfig": file, "context": name or null, "namespace",
"name"} in, JSON lines of {"data": {key: base64}, "version"} or {"error": the HTTP status} out."""
import json, sys
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException

for line in sys.stdin:
    question = json.loads(line)
    try:
        api = client.CoreV1Api(config.new_client_from_config(question["kubeconfig"], context=question["context"]))
        read = api.read_namespaced_secret(question["name"], question["namespace"], _request_timeout=10)
        answer = {"data": read.data or {}, "version": read.metadata.resource_version}
    except ApiException as error: answer = {"error": error.status}
    except ConfigException: answer = {"error": "config"}
    print(json.dumps(answer), flush=True)

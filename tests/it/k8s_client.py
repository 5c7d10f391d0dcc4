"""The official Kubernetes client at the questions of the tests: JSON lines of {"kubeconfig": file or null for a pod's own login, "context": name
or null, "namespace", "name"} in, JSON lines of {"data": {key: base64}, "version"} or {"error": the HTTP status, "config", "network"} out."""
import json, sys
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from urllib3.exceptions import HTTPError


def at(question):
    if question["kubeconfig"]: return config.new_client_from_config(question["kubeconfig"], context=question["context"])
    settings = client.Configuration()
    config.load_incluster_config(settings)
    return client.ApiClient(settings)


for line in sys.stdin:
    question = json.loads(line)
    try:
        read = client.CoreV1Api(at(question)).read_namespaced_secret(question["name"], question["namespace"], _request_timeout=10)
        answer = {"data": read.data or {}, "version": read.metadata.resource_version}
    except ApiException as error: answer = {"error": error.status}
    except ConfigException: answer = {"error": "config"}
    except HTTPError: answer = {"error": "network"}
    print(json.dumps(answer), flush=True)

{{/* What a service is set to: what all are, and then what it alone is. */}}
{{- define "berth.settings" -}}
{{- $v := .root.Values -}}
{{- $name := include "berth.fullname" .root -}}
BERTH_DRAIN_SECONDS: {{ $v.drainSeconds | quote }}
BERTH_SHUTDOWN_SECONDS: {{ .service.shutdownSeconds | quote }}
BERTH_NATS_URL: {{ $v.nats.url | default (printf "nats://%s-nats:4222" $name) | quote }}
BERTH_NATS_PREFIX: {{ include "berth.natsPrefix" .root | trim | quote }}
BERTH_NATS_STREAM_REPLICAS: {{ $v.nats.streamReplicas | quote }}
BERTH_BLOB_STORE: s3
BERTH_S3_ENDPOINT: {{ $v.objectStore.endpoint | default (printf "http://%s-minio:9000" $name) | quote }}
BERTH_S3_REGION: {{ $v.objectStore.region | quote }}
BERTH_S3_BUCKET: {{ $v.objectStore.bucket | quote }}
{{- with include "berth.publicUrl" .root }}
BERTH_PUBLIC_URL: {{ . | quote }}
{{- end }}
{{- range $key, $value := merge (dict) (.service.config | default dict) $v.config }}
{{ $key }}: {{ include "berth.setting" $value }}
{{- end }}
{{- end }}

{{- define "berth.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "berth.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{/* Where the pods of something may run. */}}
{{- define "berth.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "berth.env.database" -}}
{{- if include "berth.trial.postgresql" . }}
- name: POSTGRES_PASSWORD
  valueFrom: { secretKeyRef: { name: {{ include "berth.generatedSecret" . }}, key: postgres-password } }
- name: BERTH_DATABASE_URL
  value: postgresql://berth:$(POSTGRES_PASSWORD)@{{ include "berth.fullname" . }}-postgresql:5432/berth
{{- else }}
- name: BERTH_DATABASE_URL
  valueFrom: { secretKeyRef: { name: {{ .Values.postgresql.existingSecret }}, key: {{ .Values.postgresql.urlKey }} } }
{{- end }}
{{- end }}

{{- define "berth.env.nats" -}}
{{- with .Values.nats.existingSecret }}
- name: BERTH_NATS_USER
  valueFrom: { secretKeyRef: { name: {{ . }}, key: {{ $.Values.nats.userKey }} } }
- name: BERTH_NATS_PASSWORD
  valueFrom: { secretKeyRef: { name: {{ . }}, key: {{ $.Values.nats.passwordKey }} } }
{{- end }}
{{- end }}

{{- define "berth.env.objectStore" -}}
{{- if include "berth.trial.minio" . }}
- name: BERTH_S3_ACCESS_KEY
  value: berth
- name: BERTH_S3_SECRET_KEY
  valueFrom: { secretKeyRef: { name: {{ include "berth.generatedSecret" . }}, key: minio-password } }
{{- else }}
- name: BERTH_S3_ACCESS_KEY
  valueFrom: { secretKeyRef: { name: {{ .Values.objectStore.existingSecret }}, key: {{ .Values.objectStore.accessKeyKey }} } }
- name: BERTH_S3_SECRET_KEY
  valueFrom: { secretKeyRef: { name: {{ .Values.objectStore.existingSecret }}, key: {{ .Values.objectStore.secretKeyKey }} } }
{{- end }}
{{- end }}

{{- define "berth.env.auth" -}}
- name: BERTH_SECRET_KEY
  valueFrom: { secretKeyRef: { name: {{ .Values.secretKey.existingSecret | default (include "berth.generatedSecret" .) }}, key: {{ .Values.secretKey.existingSecret | empty | ternary "secret-key" .Values.secretKey.key }} } }
- name: BERTH_ADMIN_PASSWORD
  valueFrom: { secretKeyRef: { name: {{ .Values.admin.existingSecret | default (include "berth.generatedSecret" .) }}, key: {{ .Values.admin.existingSecret | empty | ternary "admin-password" .Values.admin.passwordKey }} } }
{{- end }}

{{/* A container of the migrations' image; it deploys, or waits until somebody has. */}}
{{- define "berth.migrate" -}}
image: {{ include "berth.image" (dict "root" .root "component" "migrate") }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
args: {{ toJson .arguments }}
env:
  {{- include "berth.env.database" .root | trim | nindent 2 }}
  {{- with .root.Values.extraEnv }}{{ toYaml . | nindent 2 }}{{ end }}
resources: {{- toYaml .root.Values.migrate.resources | nindent 2 }}
securityContext: {{- include "berth.containerSecurity" . | nindent 2 }}
{{- with .root.Values.extraVolumeMounts }}
volumeMounts: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
